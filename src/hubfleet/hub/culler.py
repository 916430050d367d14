"""JupyterHub's own idle culler as a program beside the hub, so that killing the hub neither ends nor doubles it.

`python -m hubfleet.hub.culler TOKEN-FILE ARGUMENTS…`, with the culler's own arguments; the token stays out of them.
"""

import os
import sys
from pathlib import Path

from jupyterhub_idle_culler import IdleCuller


def main() -> None:
    """Run the culler; its interface for the token is this one variable."""
    os.environ["JUPYTERHUB_API_TOKEN"] = Path(sys.argv[1]).read_text().strip()
    IdleCuller.launch_instance(sys.argv[2:])


if __name__ == "__main__":
    main()
