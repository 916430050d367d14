"""Files of repositories count once they are complete, and after a power failure only if they were on the disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hubfleet._kit.process import boot_id
from hubfleet.agent.environments.contents import MARKER, SETTLED, Contents
from hubfleet.model.content import Content

pytestmark = pytest.mark.anyio

CONTENT = Content(repository="https://git.test/ann/waves", commit="a" * 40)


class FakeRepositories:
    """Writes one file for each time that it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def check_out(
        self, hub: str, folder: Path, repository: str, ref: str, commit: str, *, token: str, say: Callable[[str], None]
    ) -> None:
        self.asked += 1
        (folder / f"{self.asked}.ipynb").write_text("{}")


async def files(contents: Contents) -> set[str]:
    tree = await contents.fetch("ocean", CONTENT, ref="a" * 40, token="", say=str)
    return {path.name for path in tree.iterdir()}


def marker_in(folder: Path) -> Path:
    [path] = folder.glob(f"*/*/{MARKER}")
    return path


async def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    """Neither before nor after it is on the disk."""
    repositories = FakeRepositories()
    contents = Contents(tmp_path, repositories)  # type: ignore[arg-type]  # all that is asked of it
    assert await files(contents) == {"1.ipynb"}
    assert await files(contents) == {"1.ipynb"}
    await contents.settled()
    assert marker_in(tmp_path).read_text() == SETTLED
    assert await files(Contents(tmp_path, repositories)) == {"1.ipynb"}  # type: ignore[arg-type]


@pytest.mark.parametrize("marker", ["", "another start of the machine", boot_id()[:-1]])
async def test_what_the_machine_may_have_lost_is_fetched_again(tmp_path: Path, marker: str) -> None:
    """Files that were not on the disk for sure when it went down may be empty."""
    repositories = FakeRepositories()
    contents = Contents(tmp_path, repositories)  # type: ignore[arg-type]
    await files(contents)
    await contents.settled()
    marker_in(tmp_path).write_text(marker)
    assert await files(contents) == {"2.ipynb"}
    await contents.settled()
