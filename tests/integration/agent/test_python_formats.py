"""Environments of repositories with Python projects, locks, Pipfiles and runtime.txt, by a real agent."""

import re
import uuid

import anyio
import pytest
import uv

from agents import AgentProgram
from git_servers import GitServer
from hubfleet._kit import process
from hubfleet.protocol.builds import Build, BuildRequest, BuildState
from hubfleet.protocol.client import AgentClient

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio]

PROJECT = """\
[project]
name = "waves"
version = "1"
requires-python = ">=3.11"
dependencies = ["six==1.15.0", "colorama; sys_platform == 'win32'"]
[dependency-groups]
dev = ["iniconfig"]
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""


@pytest.fixture(scope="module")
def uv_lock(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What uv locks for the project."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "pyproject.toml").write_text(PROJECT)
    process.run([uv.find_uv_bin(), "lock", "--quiet", "--project", str(folder)], timeout_s=120)
    return (folder / "uv.lock").read_text()


async def built(client: AgentClient, git: GitServer, files: dict[str, str], **more: object) -> tuple[Build, str]:
    """Build a repository of some files, and return what came of it and what the log says."""
    files = {"waves.py": "", **files}
    repository = git.repository(uuid.uuid4().hex, files, at="2024-06-01T12:00:00Z")
    name, said = str(uuid.uuid4()), []
    request = BuildRequest.model_validate({"hub": "ocean", "repository": repository.url, **more})
    await client.start_build(name, request)
    with anyio.fail_after(240):
        async for event in client.build_events(name):
            said += [event.message] if event else []
    return await client.build(name), "\n".join(said)


async def test_a_project_becomes_an_environment(portal: AgentClient, git: GitServer) -> None:
    """With what it depends on, as of its date, and with a kernel."""
    build, _ = await built(portal, git, {"pyproject.toml": PROJECT.replace("six==1.15.0", "six")})
    assert build.state is BuildState.READY, build
    assert "six==1.16.0 --hash" in build.lock and "ipykernel==" in build.lock
    assert "colorama" not in build.lock and "iniconfig" not in build.lock
    assert build.lock.splitlines()[-1] == f"own:{build.repository}@{build.commit}"


async def test_a_project_counts_beside_a_list_of_packages(portal: AgentClient, git: GitServer) -> None:
    """Both are asked for at once."""
    build, _ = await built(portal, git, {"pyproject.toml": PROJECT, "requirements.txt": "cowsay==6.1\n"})
    assert build.state is BuildState.READY, build
    assert "six==1.15.0 --hash" in build.lock and "cowsay==6.1 --hash" in build.lock


async def test_what_uv_locked_is_what_is_installed(portal: AgentClient, git: GitServer, uv_lock: str) -> None:
    """Exact versions and hashes, also newer ones than the repository's date, with uv's default groups."""
    build, _ = await built(portal, git, {"pyproject.toml": PROJECT, "uv.lock": uv_lock})
    assert build.state is BuildState.READY, build
    lines = {line.partition("==")[0]: line for line in build.lock.splitlines()}
    assert "ipykernel" in lines and "colorama" not in lines
    assert "own:" in build.lock
    for name in ("six", "iniconfig"):
        of_lock = uv_lock.partition(f'name = "{name}"\n')[2].partition("[[package]]")[0]
        wheels = re.findall(r"\.whl\", hash = \"sha256:([0-9a-f]{64})", of_lock)
        assert re.findall("sha256:([0-9a-f]{64})", lines[name]) == sorted(wheels)


async def test_a_lock_of_other_files_is_refused(portal: AgentClient, git: GitServer, uv_lock: str) -> None:
    """A hash that the index does not have for that version ends the build before anything is installed."""
    other = re.sub(r"(six-1\.15\.0-py2[^}]*sha256:)[0-9a-f]{64}", lambda found: found[1] + "0" * 64, uv_lock)
    build, _ = await built(portal, git, {"pyproject.toml": PROJECT, "uv.lock": other})
    assert build.state is BuildState.FAILED
    assert "the files of six 1.15.0 are not those of the package index" in build.message


async def test_a_lock_that_no_kernel_goes_with_is_refused(portal: AgentClient, git: GitServer) -> None:
    """The solver says which of its packages is too old."""
    told = '{"hashes": ["sha256:%s"], "version": "==4.3.3"}' % ("0" * 64)
    lock = f'{{"_meta": {{}}, "default": {{"traitlets": {told}}}, "develop": {{}}}}'
    build, _ = await built(portal, git, {"Pipfile.lock": lock})
    assert build.state is BuildState.FAILED
    assert "traitlets" in f"{build.message} {build.hint}"


async def test_a_pipfile_becomes_an_environment(portal: AgentClient, git: GitServer) -> None:
    """It comes before a requirements.txt."""
    files = {"Pipfile": "[packages]\nsix = '==1.15.0'\n[dev-packages]\niniconfig = '*'\n", "requirements.txt": "-e ."}
    build, _ = await built(portal, git, files)
    assert build.state is BuildState.READY, build
    assert "six==1.15.0 --hash" in build.lock and "iniconfig==2.0.0 --hash" in build.lock


async def test_the_date_of_runtime_txt_counts(portal: AgentClient, git: GitServer) -> None:
    """Unless the request has another."""
    files = {"requirements.txt": "six\n", "runtime.txt": "python-3-2020-05-21\n"}
    build, _ = await built(portal, git, files)
    assert "six==1.15.0 --hash" in build.lock, build
    assert (build.files, build.packages_until) == (["requirements.txt", "runtime.txt"], "2020-05-22T00:00:00+00:00")
    build, _ = await built(portal, git, files, packages_until="2020-01-15")
    assert "six==1.14.0 --hash" in build.lock


async def test_code_of_a_project_is_not_run_that_nobody_asks_for(
    portal: AgentClient, git: GitServer, program: AgentProgram
) -> None:
    """A file that comes first says all that is installed."""
    files = {"Pipfile": "[packages]\nsix = '*'\n", "setup.py": "import sys\nsys.exit('it ran')\n"}
    build, said = await built(portal, git, files)
    assert build.state is BuildState.READY, build
    assert "own:" not in build.lock
    assert "it ran" not in said + program.log
