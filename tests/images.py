"""Images of containers without a registry: built by buildah from a Debian that was made here."""

import os
import shutil
import subprocess  # noqa: TID251 - what buildah's own programs write goes to the same place
from pathlib import Path

DEBIAN = Path(__file__).parents[1] / ".cache" / "systemd-root" / "root"
"""`scripts/systemd_root.sh` makes it."""
_BASE = "localhost/base"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def can_be_built() -> bool:
    """Say whether there is what it takes."""
    return os.geteuid() == 0 and DEBIAN.is_dir() and shutil.which("buildah") is not None


class Images:
    """buildah with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self._store = ["--root", str(folder / "images"), "--runroot", str(folder / "running")]
        self._based = False

    def buildah(self, command: str, *arguments: str) -> str:
        """Run one command and return what it said."""
        options = ["--isolation", "chroot"] if command in {"bud", "run"} else []
        options += ["--network", "host"] if command == "bud" else []
        options += ["--pull-never"] if command in {"bud", "from"} else []
        whole = ["buildah", *self._store, "--storage-driver", "overlay", command, *options, *arguments]
        done = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout.strip()

    def build(self, recipe: Path, name: str) -> None:
        """Build an image of a recipe's folder; its base stands for what a registry would have."""
        if not self._based:
            self.base()
        self.buildah("bud", "--build-arg", f"IMAGE={_BASE}", "--tag", name, str(recipe))

    def base(self) -> None:
        """Make an image of a Debian with a Python."""
        self._based = True
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(DEBIAN), "/")
        self.buildah("add", "--quiet", container, _CERTIFICATES, _CERTIFICATES)
        self.buildah(
            "config", "--env", f"PIP_CERT={_CERTIFICATES}", "--env", f"GIT_SSL_CAINFO={_CERTIFICATES}", container
        )
        self.buildah("commit", "--quiet", container, _BASE)
