"""An agent of an ordinary user where user namespaces are forbidden: `agent_without_namespaces.py SETTINGS`, as root.

The limit is that of a namespace made for it, so nothing else on the machine is touched.
"""

import ctypes
import os
import sys
from pathlib import Path

from hubfleet.agent import __main__ as program

USER = 64123
_NEW_USER = 0x10000000


def main() -> None:
    made, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.read(made[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text(f"0 0 1\n{USER} {USER} 1\n")
        os.write(mapped[1], b".")
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if ctypes.CDLL(None).unshare(_NEW_USER):
        sys.exit("no namespace could be made")
    os.write(made[1], b".")
    os.read(mapped[0], 1)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    sys.exit(program.main())


if __name__ == "__main__":
    main()
