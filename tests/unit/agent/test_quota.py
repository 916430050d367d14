"""Which homes a file system keeps within limits, and which are only counted."""

import os
from pathlib import Path

from hubfleet.agent.homes.quota import HomeQuotas, mount_options


def mounts(folder: Path, options: str) -> str:
    """Return a line of /proc/self/mountinfo for a folder's own file system, and one for another."""
    device = folder.stat().st_dev
    own = f"36 35 {os.major(device)}:{os.minor(device)} / / rw,noatime shared:1 - ext4 /dev/root {options}"
    return f"37 35 999:1 / /other rw - xfs /dev/other rw,prjquota\n{own}\n"


def test_the_options_are_those_of_the_folders_own_file_system(tmp_path: Path) -> None:
    """Also those of a folder that is yet to be made."""
    assert mount_options(tmp_path, mounts(tmp_path, "rw,errors=remount-ro")) == {"rw", "errors=remount-ro"}
    assert "prjquota" in mount_options(tmp_path / "a" / "b", mounts(tmp_path, "rw,prjquota"))
    assert mount_options(tmp_path)


def test_without_quotas_of_the_file_system_homes_are_counted(tmp_path: Path) -> None:
    """And it is said so; a limit then changes nothing of the home."""
    quotas = HomeQuotas(tmp_path)
    assert not quotas.kept
    assert quotas.ability().state == "partly"
    quotas.keep(tmp_path / "ann", 201_000, 1.0)
    assert list(tmp_path.iterdir()) == []
