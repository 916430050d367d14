"""Small disks of a test's own, and filling them; needs root."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hubfleet._kit import process


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[None]:
    """Mount a disk of its own on a folder for the length of a block."""
    folder.mkdir(parents=True, exist_ok=True)
    process.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=711", f"hf-{uuid.uuid4().hex[:6]}", str(folder)])
    try:
        yield
    finally:
        process.run(["umount", "-l", str(folder)])


def fill(folder: Path, *, leave: int) -> Path:
    """Fill a disk up to some bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, os.statvfs(folder).f_bavail * 4096 - leave)
    return ballast


@contextmanager
def disk_with_quotas(folder: Path) -> Iterator[None]:
    """Mount a disk that keeps project quotas on a folder, for the length of a block.

    Raises:
        CommandError: this machine's kernel keeps none, or has no loop devices.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image = folder.with_name(f"{folder.name}.img")
    with image.open("wb") as file:
        file.truncate(64 * 1024**2)
    process.run(["mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota", str(image)])
    process.run(["mount", "-o", "loop,prjquota", str(image), str(folder)])
    try:
        folder.chmod(0o711)
        yield
    finally:
        process.run(["umount", "-l", str(folder)])
