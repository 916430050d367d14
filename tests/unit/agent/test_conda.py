"""Conda packages: where a lock's packages are taken from, and what is refused before anything is fetched."""

import json
from pathlib import Path

import pytest

from hubfleet.agent.environments import locks
from hubfleet.agent.environments.conda import CHANNELS, Conda, last_error, platform_name
from hubfleet.agent.environments.realise import MARKER, Builder
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import LaunchError

pytestmark = pytest.mark.anyio
PYTHON = f"conda:conda-forge/{platform_name()}/python-3.13.5-h1_0.conda --hash=sha256:{'a' * 64}"


def workshop(*, sandbox: bool = True) -> Workshop:
    return Workshop(Path("/usr/bin/python3"), {}, bwrap=Path("/usr/bin/false") if sandbox else None)


@pytest.mark.parametrize(
    ("line", "channels", "said"),
    [
        (PYTHON, {"bioconda": "https://x/bioconda"}, "'conda-forge', a conda channel that this cluster does not use"),
        (PYTHON.replace(platform_name(), "linux-s390x"), CHANNELS, "is for linux-s390x"),
    ],
)
async def test_what_is_not_for_this_cluster_is_refused(
    tmp_path: Path, line: str, channels: dict[str, str], said: str
) -> None:
    """A lock from elsewhere may name another channel or kind of machine."""
    conda = Conda(workshop(), tmp_path, channels)
    with pytest.raises(LaunchError, match=said):
        await conda.install(locks.conda_packages(line), tmp_path / "x", tmp_path)


async def test_without_a_sandbox_there_is_no_conda(tmp_path: Path) -> None:
    """What a package holds is not unpacked by the agent's own user."""
    conda = Conda(workshop(sandbox=False), tmp_path, CHANNELS)
    with pytest.raises(LaunchError, match="need a sandbox"):
        await conda.install(locks.conda_packages(PYTHON), tmp_path / "x", tmp_path)


def test_an_environment_that_was_moved_is_absent(tmp_path: Path) -> None:
    """Conda's files name their place, so that a restored copy at another one is made again."""
    before, after = (Builder(tmp_path / name, tmp_path / "cache", workshop()) for name in ("before", "after"))
    path = before.prefix("d" * 64)
    path.mkdir(parents=True)
    (path / MARKER).touch()
    assert (before.ready("d" * 64), before.path("d" * 64)) == (True, path)
    before.folder.rename(after.folder)
    assert not after.ready("d" * 64)


def test_an_error_is_shown_without_its_traceback() -> None:
    """Whatever rattler calls it."""
    said = (
        'Traceback (most recent call last):\n  File "x", line 1\nexceptions.InstallerError: it failed\nCaused by: no\n'
    )
    assert last_error(said) == "it failed Caused by: no"
    assert json.dumps(last_error("")) == '""'
