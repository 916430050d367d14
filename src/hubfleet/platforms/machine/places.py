"""Where everything of one machine lies: one folder, so that a backup is one command."""

import os
from dataclasses import dataclass
from pathlib import Path

from hubfleet.errors import PlatformError

MAX_SOCKET_PATH = 107
"""Bytes that a unix socket's path may take (unix(7))."""
LONGEST_SOCKET = len("/agent-.sock") + 30
"""The longest name below `run`: a cluster's name has 30 characters at most."""


@dataclass(frozen=True)
class Places:
    """The folders below one machine's data folder."""

    data: Path

    @property
    def run(self) -> Path:
        """Sockets; made anew after a reboot."""
        return self.data / "run"

    @property
    def logs(self) -> Path:
        """One log file per program."""
        return self.data / "logs"

    @property
    def programs(self) -> Path:
        """What the supervisor keeps up: specification, files and process of each."""
        return self.data / "programs"

    @property
    def secrets(self) -> Path:
        """Generated secrets, one folder a hub; never leave the machine."""
        return self.data / "secrets"

    @property
    def revisions(self) -> Path:
        """What was applied, and when."""
        return self.data / "revisions"

    @property
    def supervisor_socket(self) -> Path:
        """Where the supervisor listens."""
        return self.run / "supervisor.sock"

    def hub(self, name: str) -> Path:
        """Return the folder of one hub's database and state."""
        return self.data / "hubs" / name

    def agent(self, cluster: str) -> Path:
        """Return the folder of one cluster's agent: store, homes, environments."""
        return self.data / "agents" / cluster

    def prepare(self) -> None:
        """Make the folders that everything rests on.

        Raises:
            PlatformError: they cannot be made, or the path is too long for sockets.
        """
        longest = len(os.fsencode(self.run)) + LONGEST_SOCKET
        if longest > MAX_SOCKET_PATH:
            raise PlatformError(
                f"the data folder's path {str(self.data)!r} is too long for unix sockets",
                hint="choose a shorter one with --data, of 60 characters or fewer",
            )
        try:
            for folder in (self.data, self.run, self.programs, self.logs, self.secrets, self.revisions):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o711)
            for folder in (self.logs, self.revisions):
                folder.chmod(0o700)
        except OSError as error:
            raise PlatformError(
                f"cannot make {error.filename!r}: {error.strerror}",
                hint="choose another data folder with --data, or mend the permissions",
            ) from error


def default_data(fleet: str) -> Path:
    """Return where a fleet's state lies by default: /var/lib/hubfleet as root, else below the XDG data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/hubfleet") / fleet
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(home) / "hubfleet" / fleet
