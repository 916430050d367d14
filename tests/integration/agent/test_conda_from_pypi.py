"""An environment.yml on a cluster whose conda channels are away: made from PyPI, told of, or refused."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

import conda_channels
from agents import SOFTWARE, AgentProgram, FakeHub, agent
from conda_channels import package
from git_servers import GitServer, git_server
from hubfleet._kit import process
from hubfleet.agent.environments import locks
from hubfleet.protocol.builds import Build, BuildRequest, BuildState
from hubfleet.protocol.client import AgentClient
from programs import free_port
from published_environments import CLIMPRED, PANGEO, XARRAY, XGCM, XSKILLSCORE

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio]
AT = "2026-10-01T12:00:00Z"
AWAY = "the environment is ready; what it asks of conda was taken from PyPI, as conda's channels could not be reached"
EXPORT = """\
channels: [conda-forge]
dependencies:
  - _libgcc_mutex=0.1=conda_forge
  - _openmp_mutex=4.5=2_gnu
  - ca-certificates=2023.7.22=hbcca054_0
  - ld_impl_linux-64=2.40=h41732ed_0
  - libblas=3.9.0=17_linux64_openblas
  - libgcc-ng=13.1.0=he5830b7_0
  - libopenblas=0.3.23=pthreads_h80387f5_0
  - ncurses=6.4=hcb278e6_0
  - numpy=1.25.2=py311h64a7726_0
  - openssl=3.1.2=hd590300_0
  - pip=23.2.1=pyhd8ed1ab_0
  - python=3.11.4=hab00c5b_0_cpython
  - python-dateutil=2.8.2=pyhd8ed1ab_0
  - python_abi=3.11=3_cp311
  - setuptools=68.1.2=pyhd8ed1ab_0
  - six=1.16.0=pyh6c4a22f_0
  - typing_extensions=4.7.1=pyha770c72_0
  - tzdata=2023c=h71feb2d_0
  - wheel=0.41.1=pyhd8ed1ab_0
  - xz=5.2.6=h166bdaf_0
  - pip:
    - cowsay==6.1
prefix: /home/ann/miniconda3/envs/waves
"""
"""As `conda env export` writes it."""


@dataclass
class Cluster:
    """An agent whose only channel is a port of loopback, where something may be served or nothing."""

    program: AgentProgram
    client: AgentClient
    git: GitServer
    channels: Path
    """What is served there, when it is."""
    port: int

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """Let the channel answer for the length of a block."""
        with conda_channels.served(self.channels, self.port):
            yield

    async def build(self, text: str, *, name: str = "", at: str = AT, **more: str) -> Build:
        """Build a repository with this environment.yml and wait for the end."""
        repository = self.git.repository(name or uuid.uuid4().hex, {"environment.yml": text}, at=at)
        return await self.again(repository.url, **more)

    async def again(self, repository: str, **more: str) -> Build:
        """Build one that is there."""
        build = str(uuid.uuid4())
        await self.client.start_build(build, BuildRequest(hub="ocean", repository=repository, **more))
        with anyio.fail_after(580):
            async for _ in self.client.build_events(build):
                pass
        return await self.client.build(build)

    async def said(self, build: Build) -> list[str]:
        """Return what a build told."""
        return [event.message async for event in self.client.build_events(build.id)]

    def run(self, build: Build, code: str) -> str:
        """Run code by an environment's Python."""
        [prefix] = (SOFTWARE / "environments").glob(f"{build.digest[:32]}-*")
        return process.run([str(prefix / "bin/python"), "-c", code]).stdout.strip()


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the channel."""
    folder = tmp_path_factory.mktemp("channels") / "conda-forge"
    conda_channels.with_python(folder)
    package(folder, "toolz", "1.0", {"site-packages/toolz.py": "version = 'of the channel'"}, depends=["python"])
    conda_channels.index(folder)
    return folder.parent


@pytest.fixture(scope="module")
async def cluster(channels: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    data, port = tmp_path_factory.mktemp("agent"), free_port()
    more = {
        "git_hosts": ["127.0.0.1"],
        "channels": {"conda-forge": f"http://127.0.0.1:{port}/conda-forge"},
    }
    with (
        git_server(tmp_path_factory.mktemp("git")) as git,
        FakeHub() as hub,
        agent(data, {"ocean": hub}, **more) as program,
    ):
        client = program.client("portal-ocean")
        yield Cluster(program, client, git, channels, port)
        await client.close()


@pytest.mark.parametrize(
    ("text", "code", "least"),
    [
        (CLIMPRED, "import cf_xarray, cftime, dask, h5netcdf, h5py, netCDF4, numpy, pandas, xarray, xskillscore", 19),
        (XSKILLSCORE, "import matplotlib, numba, numpy, scipy, sklearn, statsmodels, xarray, xhistogram", 24),
        (XARRAY, "import boto3, cartopy, dask, distributed, h5py, iris, netCDF4, numba, numpy, rasterio, xarray", 33),
    ],
    ids=["climpred", "xskillscore", "xarray"],
)
async def test_published_files_become_environments(cluster: Cluster, text: str, code: str, least: int) -> None:
    """All from PyPI, compiled parts as wheels; their packages can be imported, and the build says what was done."""
    build = await cluster.build(text)
    assert (build.state, build.message) == (BuildState.READY, AWAY), build.hint
    assert locks.conda_packages(build.lock) == [] and len(build.lock.splitlines()) >= least
    assert locks.digest(build.lock) == build.digest
    assert cluster.run(build, f"{code}, ipykernel; print('all there')") == "all there"
    said = await cluster.said(build)
    assert [line for line in said if line.startswith("conda's channels cannot be reached (http://127.0.0.1:")]
    assert [line for line in said if line.endswith(", all from PyPI")]


async def test_an_export_becomes_an_environment(cluster: Cluster) -> None:
    """By its exact versions, with its `pip:` part; what was left out is named."""
    build = await cluster.build(EXPORT)
    assert (build.state, build.message) == (BuildState.READY, AWAY), build.hint
    versions = "import numpy, six, dateutil, cowsay; print(numpy.__version__, six.__version__, dateutil.__version__)"
    assert cluster.run(build, versions) == "1.25.2 1.16.0 2.8.2"
    said = await cluster.said(build)
    assert [line for line in said if line.startswith("left out, ") and "libopenblas, ncurses, openssl" in line]
    assert [line for line in said if "builds of conda have no counterpart at PyPI: 7 packages" in line]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PANGEO, "earthsim (line 32)"),
        (XGCM.partition("  - pip:")[0], "python=3.12 (line 3): the cluster's Python is 3.11."),
        ("dependencies:\n- numpy\n- nodejs=18\n- r-base\n", "nodejs (line 3), r-base (line 4)"),
        ("dependencies: [gdal]\n", "gdal"),
        ("dependencies: [numpy=99]\n", "numpy==99.*"),
    ],
    ids=["pangeo", "xgcm", "programs", "no-wheel", "no-version"],
)
async def test_what_pypi_has_not_is_named(cluster: Cluster, text: str, said: str) -> None:
    """With its line where the file is at fault, and that channels were away."""
    build = await cluster.build(text)
    assert build.state is BuildState.FAILED
    assert said in f"{build.message} {build.hint}"
    assert build.message.startswith("conda's channels cannot be reached, and ")


async def test_a_hub_may_ask_for_channels_alone(cluster: Cluster) -> None:
    """Then nothing stands in for them; once the hub's file says otherwise, a build that was begun is the same one."""
    build = await cluster.build("dependencies: [numpy]\n", conda="channels")
    assert (build.state, build.message) == (BuildState.FAILED, "a conda channel does not answer")
    assert f"127.0.0.1:{cluster.port}" in build.hint
    changed = BuildRequest(hub="ocean", repository=build.repository, conda="pypi")
    assert (await cluster.client.start_build(build.id, changed)).state is BuildState.FAILED


async def test_a_hub_may_ask_for_pypi_alone(cluster: Cluster) -> None:
    """Then channels are not asked, whether or not they answer; channels that are not used here do no harm."""
    text = "channels: [some-laboratory, defaults]\ndependencies: [six=1.16.0]\n"
    with cluster.reachable():
        build = await cluster.build(text, conda="pypi")
    assert build.state is BuildState.READY, (build.message, build.hint)
    assert build.message.endswith("was taken from PyPI, as this hub has it")
    assert locks.conda_packages(build.lock) == [] and "six==1.16.0 " in build.lock
    assert not [line for line in await cluster.said(build) if "channels" in line]


async def test_pypis_answer_is_not_remembered_for_the_channels(cluster: Cluster) -> None:
    """The same commit is conda's once they answer, and stays so when they are away again."""
    text = "dependencies: [toolz]\n"
    first = await cluster.build(text, name="back")
    assert (first.state, first.message) == (BuildState.READY, AWAY), first.hint
    assert locks.conda_packages(first.lock) == []
    with cluster.reachable():
        second = await cluster.again(first.repository)
    assert (second.state, second.message) == (BuildState.READY, "the environment is ready"), second.hint
    assert {package.name for package in locks.conda_packages(second.lock)} > {"python", "toolz"}
    assert cluster.run(second, "import toolz; print(toolz.version)") == "of the channel"
    third = await cluster.again(first.repository)
    assert (third.state, third.digest) == (BuildState.READY, second.digest)
    pypis = await cluster.again(first.repository, conda="pypi")
    assert (pypis.state, pypis.digest) == (BuildState.READY, first.digest)
