"""Folders of homes, taken by a real agent as the person who has them."""

import io
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents import AgentProgram, FakeHub, agent
from hubfleet.errors import RefusedError
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.files import HomeFolder
from working import at_work

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
MADE = """
import os, pathlib
os.makedirs('work/waves/.git', exist_ok=True)
for name in ('requirements.txt', 'one.ipynb', '.git/config'):
    pathlib.Path('work/waves', name).write_text(name)
os.mkfifo('work/waves/pipe')
os.symlink('/etc/passwd', 'work/waves/passwd')
os.symlink('work', 'link')
os.symlink('../bob', 'work/theirs')
os.symlink('/etc', 'etc')
pathlib.Path('work/waves/locked').write_text('x')
os.chmod('work/waves/locked', 0)
print('made')
"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProgram]:
    folder = tmp_path_factory.mktemp("agent")
    with FakeHub() as ocean, FakeHub() as maths, agent(folder, {"ocean": ocean, "maths": maths}) as running:
        yield running


@pytest.fixture(scope="module")
async def portal(program: AgentProgram) -> AsyncIterator[AgentClient]:
    client = program.client("portal-ocean")
    yield client
    await client.close()


@pytest.fixture(scope="module")
async def home(program: AgentProgram) -> Path:
    """Ann's home, with what she made by a server that is stopped since."""
    async with at_work(program, "ann") as ann:
        assert "made" in await ann.run(MADE)
    [found] = (Path(str(program.settings["data"])) / "homes" / "ocean").iterdir()
    return found


async def taken(client: AgentClient, path: str, *, hub: str = "ocean", person: str = "ann") -> dict[str, str]:
    """Take a folder and return its files."""
    answer = await client.home_archive(HomeFolder(hub=hub, person=person, path=path))
    with zipfile.ZipFile(io.BytesIO(answer.archive)) as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    assert len(found) == answer.count
    return found


async def refused(client: AgentClient, path: str, status: int = 422, **whose: str) -> str:
    """Return why a folder is not taken."""
    with pytest.raises(RefusedError) as error:
        await taken(client, path, **whose)
    assert error.value.status == status
    return error.value.message


async def test_a_folder_is_taken_while_no_server_runs(portal: AgentClient, home: Path) -> None:
    """As its person: what the person may not read is left out, a pipe holds nobody up, and no link leads out."""
    files = {"requirements.txt": "requirements.txt", "one.ipynb": "one.ipynb"}
    assert await taken(portal, "work/waves") == files
    answer = await portal.home_archive(HomeFolder(hub="ocean", person="ann", path="work/waves"))
    assert answer.left_out == [
        ".git (hidden)",
        "locked (Permission denied)",
        "passwd (a link)",
        "pipe (no plain file)",
    ]
    assert (await portal.home_archive(HomeFolder(hub="ocean", person="ann", path="work/waves"))) == answer


async def test_no_path_leads_out_of_the_home(portal: AgentClient, home: Path) -> None:
    """Neither by a link in it nor by what the request says."""
    assert await refused(portal, "link/waves") == "'link' is a link: name the folder itself"
    assert await refused(portal, "etc") == "'etc' is a link: name the folder itself"
    assert await refused(portal, "work/theirs") == "'work/theirs' is a link: name the folder itself"
    assert await refused(portal, "work/waves/one.ipynb") == "'work/waves/one.ipynb' is a file: name the folder itself"
    assert await refused(portal, "none") == "there is no folder 'none' in your home"
    plain = HomeFolder.model_construct(hub="ocean", person="ann", path="../../../etc")
    with pytest.raises(RefusedError) as error:
        await portal.home_archive(plain)
    assert error.value.status == 422


async def test_a_home_is_its_own_hubs_and_its_own_persons(
    program: AgentProgram, portal: AgentClient, home: Path
) -> None:
    """Another hub's portal finds none; who has no home has none, and none is made; a hub itself may not ask."""
    assert await refused(portal, "work", 404, person="bob") == "you have no home folder on this cluster yet"
    assert len(list(home.parent.iterdir())) == 1
    stranger, hub = program.client("portal-maths"), program.client("ocean")
    await refused(stranger, "work/waves", 404)
    await refused(stranger, "work/waves", 404, hub="maths")
    await refused(hub, "work/waves", 403)
    await stranger.close()
    await hub.close()


async def test_a_hundred_thousand_files_are_refused(portal: AgentClient, home: Path) -> None:
    many = home / "many"
    many.mkdir()
    for number in range(100_000):
        (many / str(number)).touch()
    assert await refused(portal, "many") == "the folder holds more than 5,000 files"


async def test_a_file_that_grows_has_the_length_that_it_had(program: AgentProgram, portal: AgentClient) -> None:
    """While a server of the person's writes to it."""
    async with at_work(program, "eve") as eve:
        grow = "import subprocess; subprocess.Popen('mkdir -p log; while :; do echo line >> log/all; done', shell=True)"
        await eve.run(f"{grow}; import time, os\nwhile not os.path.exists('log/all'): time.sleep(0.01)")
        files = await taken(portal, "log", person="eve")
        assert set(files) == {"all"}
        assert set(files["all"].split()) == {"line"}
