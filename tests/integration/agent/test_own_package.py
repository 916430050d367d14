"""Repositories that name themselves as a package, by a real agent: it is built, installed, and stands in the lock."""

import shutil
from pathlib import Path

import anyio
import pytest

import sdists
from agents import FakeHub, agent
from building import built, ready
from environments import PYTHON, folder
from git_servers import GitServer
from hubfleet._kit import process
from hubfleet.agent.environments import locks
from hubfleet.agent.environments.realise import python_version
from hubfleet.agent.environments.realised import Realised
from hubfleet.protocol.builds import Build, BuildState
from hubfleet.protocol.client import AgentClient

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio]

SETUPTOOLS = """\
[build-system]
requires = ["setuptools>=61", "wheel"]
build-backend = "setuptools.build_meta"
[project]
name = "tides"
version = "1.2"
dependencies = ["six"]
[tool.setuptools]
packages = ["tides"]
[project.optional-dependencies]
more = ["iniconfig"]
"""
MODULE = {"tides/__init__.py": "import six\nHIGH = 'high'\n"}


def said(build: Build, code: str) -> str:
    """Run code by an environment's own Python, and return what it prints."""
    return process.run([str(folder(build.digest) / "bin/python"), "-I", "-c", code], timeout_s=60).stdout.strip()


async def test_a_list_that_names_its_own_repository_has_it_installed(portal: AgentClient, git: GitServer) -> None:
    """With what it depends on; its lock says of which commit it is and what builds it."""
    repository = git.repository("plain", {"requirements.txt": "-e .\n", "pyproject.toml": SETUPTOOLS, **MODULE})
    build = await ready(portal, repository.url)
    assert said(build, "import tides, six; print(tides.HIGH, tides.__file__)").startswith(
        f"high {folder(build.digest)}/lib"
    )
    assert locks.own(build.lock) == [locks.Own(repository.url, build.commit)]
    assert "six==" in locks.requirements(build.lock)
    assert "setuptools==" in locks.requirements(locks.tools(build.lock))
    assert "setuptools==" not in locks.requirements(build.lock)


HATCHLING = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "tides"
version = "1.3"
dependencies = ["six"]
"""
SCM = """\
[build-system]
requires = ["setuptools>=64", "setuptools_scm>=8"]
build-backend = "setuptools.build_meta"
[project]
name = "tides"
dynamic = ["version", "dependencies"]
[tool.setuptools.dynamic]
dependencies = {file = ["requirements/base.txt"]}
[tool.setuptools_scm]
write_to = "tides/_version.py"
"""
ASKS = (
    "from setuptools import setup\nsetup(name='tides', version='1.4', packages=['tides'], install_requires=['six'],\n"
)
KINDS = {
    "hatchling": ({"pyproject.toml": HATCHLING}, "1.3"),
    "setup": ({"setup.py": f"{ASKS}setup_requires=['iniconfig'])\n"}, "1.4"),
    "scm": ({"pyproject.toml": SCM, "requirements/base.txt": "six\n"}, "0.1.dev0+g"),
    "binder": ({"binder/environment.yml": "dependencies: [pip, {pip: [..]}]\n", "pyproject.toml": SETUPTOOLS}, "1.2"),
    "extension": (
        {
            "setup.py": f"from setuptools import Extension\n{ASKS}ext_modules=[Extension('tides._c', ['c.c'])])\n",
            "c.c": '#include <Python.h>\nstatic struct PyModuleDef m = {PyModuleDef_HEAD_INIT, "_c"};\n'
            "PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&m); }\n",
        },
        "1.4",
    ),
}


@pytest.mark.parametrize("name", [*KINDS])
async def test_each_kind_of_package_is_built_and_installed(portal: AgentClient, git: GitServer, name: str) -> None:
    """By its own backend, whether its metadata is there or is known to its code only; with what it depends on."""
    files, version = KINDS[name]
    if name == "extension" and not shutil.which("gcc"):
        pytest.skip("there is no compiler here")
    build = await ready(portal, git.repository(f"kind-{name}", {**files, **MODULE}, at="2025-06-01T12:00:00Z").url)
    code = "import tides, importlib.metadata as m; print(tides.HIGH, m.version('tides'))"
    assert said(build, code).startswith(f"high {version}")
    assert "six==" in locks.requirements(build.lock)
    if name == "setup":
        # only its code has said so
        assert "iniconfig==" in locks.tools(build.lock)
    if name == "extension":
        assert said(build, "import tides._c; print('compiled')") == "compiled"


async def test_a_commit_of_notebooks_alone_is_the_same_environment(portal: AgentClient, git: GitServer) -> None:
    """Any other change is another one. Two packages of one repository are two lines; extras count."""
    files = {
        "requirements.txt": "./one[more]\n-e two\n",
        **{f"{name}/pyproject.toml": SETUPTOOLS.replace("tides", name) for name in ("one", "two")},
        **{f"{name}/{name}/__init__.py": "" for name in ("one", "two")},
    }
    repository = git.repository("notebooks", files)
    first = await ready(portal, repository.url)
    repository.commit({"deep/x.ipynb": "{}", "y.ipynb": "{}"}, at="2024-08-01T12:00:00Z")
    second = await ready(portal, repository.url)
    repository.commit({"two/two/__init__.py": "NEW = 1\n"}, at="2024-09-01T12:00:00Z")
    third = await ready(portal, repository.url)
    assert first.commit != second.commit
    assert first.digest == second.digest != third.digest
    assert [own.folder for own in locks.own(third.lock)] == ["one", "two"]
    assert locks.requirements(first.lock) == locks.requirements(third.lock)
    assert said(third, "import one, two, iniconfig; print(two.NEW)") == "1"


async def test_another_cluster_builds_it_anew_of_the_lock(portal: AgentClient, git: GitServer, tmp_path: Path) -> None:
    """By the same tools, from the commit that the lock names; a postBuild has it."""
    files = {
        **KINDS["setup"][0],
        **MODULE,
        "postBuild": "python -c 'import tides; print(tides.HIGH)' > made\n",
    }
    build = await ready(portal, git.repository("elsewhere", files).url)
    software = str(tmp_path / "software")
    with FakeHub() as ocean, agent(tmp_path, {"ocean": ocean}, git_hosts=["127.0.0.1"], software=software) as other:
        client = other.client("portal-ocean")
        state = await client.put_environment(build.digest, build.lock)
        with anyio.fail_after(240):
            while state.state != "ready":
                assert state.state != "failed", state
                await anyio.sleep(0.1)
                state = await client.environment(build.digest)
        made = Realised.at(tmp_path / "software/environments" / folder(build.digest).name)
        assert made.files is not None
        assert (made.files / "made").read_text() == "high\n"
        await client.close()


async def test_what_cannot_be_built_is_said_with_its_file(portal: AgentClient, git: GitServer) -> None:
    """And what to do instead."""
    for name, files, words in (
        ("no-folder", {"requirements.txt": "-e ./sub\n"}, "line 1 of requirements.txt: there is no folder 'sub'"),
        ("nothing", {"requirements.txt": "six\n-e .\n"}, "line 2 of requirements.txt: there is neither a pyproject"),
        ("fails", {"setup.py": "raise SystemExit('no tide today')\n"}, "setup.py cannot be built: its build ended"),
        ("away", {"setup.py": AWAY}, "setup.py cannot be built: it tried to reach the network"),
        ("needs", {"setup.py": f"{ASKS}setup_requires=['x @ https://x.org/x.whl'])\n"}, "comes from an address"),
        ("depends", {"setup.py": ASKS.replace("'six'", "'x @ https://x.org/x.whl'") + ")\n"}, "comes from an address"),
        (
            "backend",
            {"pyproject.toml": SETUPTOOLS.replace("setuptools>=61", "setuptools>=9999")},
            "what builds pyproject",
        ),
        ("python", {"pyproject.toml": f"{SETUPTOOLS}[project]\n"}, "line 12 of pyproject.toml"),
    ):
        build = await built(portal, git.repository(f"bad-{name}", {**files, **MODULE}).url)
        assert build.state is BuildState.FAILED, name
        assert words in build.message, f"{name}: {build.message} {build.hint}"
        assert build.hint, name


AWAY = "import urllib.request\nurllib.request.urlopen('http://example.org')\n"
HOSTILE = f"""\
import glob, os, pathlib, socket, subprocess, sys
from setuptools import setup

def told():
    for path in (os.path.dirname(sys.prefix) + "/*", sys.prefix, "{PYTHON}", "/usr/bin/env", "/home/*", "/root"):
        for found in glob.glob(path) or [path]:
            try:
                open(found + "/x" if os.path.isdir(found) and found != "/home/jovyan" else found, "a").close()
                yield "wrote " + found
            except OSError:
                pass
    yield from ("cache " + path for path in glob.glob(os.path.dirname(sys.prefix) + "/../*"))
    yield from (f"{{name}}={{value}}" for name, value in os.environ.items())
    try:
        socket.create_connection(("127.0.0.1", 80), 1)
    except OSError as error:
        yield "network " + str(error)

open("tides/told.txt", "w").write("\\n".join(told()))
open("evil.pth", "w").write("import os; os.environ['EVIL'] = '1'\\n")
subprocess.Popen(["setsid", "sleep", "1000"])
more = {{"package_data": {{"tides": ["*.txt"]}}, "data_files": [("{{site}}", ["evil.pth"])]}}
setup(name="tides", version="6", packages=["tides"], **more)
"""


async def test_a_hostile_one_alters_nothing_but_its_own_environment(portal: AgentClient, git: GitServer) -> None:
    """It sees what builds it and a copy of its files; starting code that it leaves is in its own environment alone."""
    site = f"lib/python{'.'.join(python_version(PYTHON).split('.')[:2])}/site-packages"
    hostile = HOSTILE.replace("{site}", site)
    # earlier runs of this test have made environments too
    before = set(folder("").parent.glob("*/lib/*/site-packages/evil.pth"))
    build = await ready(
        portal, git.repository("hostile", {"setup.py": hostile, **MODULE, "requirements.txt": "six"}).url
    )
    told = said(build, "import pathlib, tides; print(pathlib.Path(tides.__file__).with_name('told.txt').read_text())")
    assert "wrote" not in told, told
    assert {line.rpartition("/")[2] for line in told.splitlines() if line.startswith("cache ")} == {"environments"}
    assert "network" in told
    assert "DEFAULT_INDEX" not in told and "SSL_CERT" not in told and "HUBFLEET" not in told
    assert said(build, "import os; print(os.environ.get('EVIL'))") == "1"
    tools = folder(locks.digest(locks.tools(build.lock)))
    done = process.run([str(tools / "bin/python"), "-c", "import os; print(os.environ.get('EVIL'))"])
    assert done.stdout.strip() == "None"
    assert set(tools.parent.glob("*/lib/*/site-packages/evil.pth")) - before == {
        folder(build.digest) / site / "evil.pth"
    }
    assert not list((tools.parent.parent / "own-packages").iterdir())


_ADDRESS = "https://github.com/pysal/mapclassify.git"
# what PyPI has not goes, as conda channels may not be reached where this runs
RELEASES = {
    "emcee": ("3.1.6", "binder/environment.yml", (), "import emcee, corner, h5py, numpy, matplotlib.pyplot"),
    "vector": (
        "1.9.0",
        "environment.yml",
        ("  - nb_conda_kernels\n", "  - root >=6.18.04\n"),
        "import vector, awkward, numba, numpy",
    ),
    "particle": ("1.1.0", "environment.yml", (), "import hepunits, particle.literals, particle.pdgid.literals"),
    "mapclassify": ("2.9.0", "environment.yml", ("  - git\n", _ADDRESS), "import mapclassify, geopandas, libpysal"),
}


@pytest.mark.parametrize("name", RELEASES)
async def test_published_repositories_work(portal: AgentClient, git: GitServer, name: str) -> None:
    """As they are, but for addresses; what a notebook of theirs imports is there, and the version is the release's."""
    version, path, changes, imports = RELEASES[name]
    repository = git.repository(name)
    sdists.unpacked(name, version, repository.folder)
    text = (repository.folder / path).read_text()
    for part in changes:
        assert part in text
        text = text.replace(part, repository.url if part == _ADDRESS else "")
    repository.commit({path: text}, at="2026-10-01T12:00:00Z")
    build = await ready(portal, repository.url)
    found = said(build, f"{imports}; import {name}; print({name}.__version__, {name}.__file__)").split()
    assert found[0] == version
    assert found[1].startswith(str(folder(build.digest)))
