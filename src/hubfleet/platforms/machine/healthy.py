"""`python -m hubfleet.platforms.machine.healthy URL [HOST]`: wait until a program answers, for units of systemd.

systemd starts what comes after a unit once this has ended; it ends it, with the unit, when the start takes too long.
"""

import sys
import time

from hubfleet.protocol import probe

EVERY_S = 0.1


def main() -> None:
    """Wait as long as it takes."""
    url, host = sys.argv[1], "".join(sys.argv[2:])
    while True:
        status = probe.get(url, host=host)
        if status is not None and status < 500:
            return
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
