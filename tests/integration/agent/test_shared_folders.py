"""Two people's real servers and a shared folder; a home that lasts no longer than its server."""

import os
from pathlib import Path

import pytest

from agents import FakeHub, agent
from hubfleet.protocol.messages import SharedFolder
from working import at_work

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for user ids of their own"),
]


WRITE = """
import os, pathlib
os.umask(0o077)  # as careful people and some programs do
folder = pathlib.Path.home() / "shared" / "data"
(folder / "results").mkdir()
(folder / "results" / "one.csv").write_text("of ann")
print(oct((folder / "results" / "one.csv").stat().st_mode & 0o777))
"""
EDIT = """
import pathlib
path = pathlib.Path.home() / "shared" / "data" / "results" / "one.csv"
print(path.read_text())
path.write_text("of bob")
(path.parent / "two.csv").write_text("new")
path.with_name("one.csv").rename(path.with_name("renamed.csv"))
"""
READ = """
import pathlib
folder = pathlib.Path.home() / "shared" / "data"
print((folder / "results" / "renamed.csv").read_text())
for path in (folder / "x", folder / "results" / "renamed.csv", folder / "results" / "x"):
    try:
        path.write_text("of cyd")
        print("wrote", path)
    except OSError as error:
        print(type(error).__name__)
"""
ELSE = "import os; print(os.path.exists('/shared'), os.path.lexists(os.path.expanduser('~/shared')))"


async def test_two_people_work_on_the_same_files_and_others_only_read_or_see_nothing(tmp_path: Path) -> None:
    """Each edits what the other made, under any umask; who may only read can change nothing; others see nothing."""
    writes, reads = [SharedFolder(name="data", writable=True)], [SharedFolder(name="data")]
    with FakeHub() as hub, agent(tmp_path, {"ocean": hub}, folders=["data"]) as program:
        async with (
            at_work(program, "ann", shared_folders=writes) as ann,
            at_work(program, "bob", shared_folders=writes) as bob,
            at_work(program, "cyd", shared_folders=reads) as cyd,
            at_work(program, "dan") as dan,
        ):
            await ann.run(WRITE)
            assert await bob.run(EDIT) == "of ann"
            path = "pathlib.Path.home() / 'shared/data/results'"
            seen = await ann.run(f"import pathlib; print(sorted((p.name, p.read_text()) for p in ({path}).iterdir()))")
            assert seen == "[('renamed.csv', 'of bob'), ('two.csv', 'new')]"
            assert await cyd.run(READ) == "of bob" + "\nOSError" * 3
            assert await dan.run(ELSE) == "False False"


async def test_a_fresh_home_ends_with_its_server(tmp_path: Path) -> None:
    """It is empty at each start, shows nothing of the lasting home, and leaves nothing on the disk."""
    look = "import os; print([name for name in sorted(os.listdir()) if name[0] != '.'])"
    with FakeHub() as hub, agent(tmp_path, {"ocean": hub}) as program:
        async with at_work(program, "ann") as ann:
            assert await ann.run(f"open('lasting', 'w').close(); {look}") == "['lasting']"
        for _ in range(2):
            async with at_work(program, "ann", fresh_home=True) as ann:
                assert await ann.run(look) == "[]"
                assert await ann.run(f"open('passing', 'w').close(); {look}") == "['passing']"
        assert list((program.folder / "data/fresh").iterdir()) == []
        assert list((program.folder / "data/homes/ocean").glob("ann-*/lasting"))
