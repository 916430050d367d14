"""Environments for other tools: every package is there in their words, and nothing that people wrote is run by them."""

import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from hubfleet.agent.environments import container, locks
from hubfleet.agent.environments.exports import Exports
from hubfleet.agent.environments.realise import Builder
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.refusals import CeilingError, ConflictError
from hubfleet.model.content import Content
from hubfleet.protocol.exports import ExportFormat, ExportRequest

pytestmark = pytest.mark.anyio
HASH = " --hash=sha256:" + "0" * 64
PYPI = f"numpy==2.3.0{HASH}\nhttpx[http2]==0.28.1 ; python_version >= '3.9'{HASH}\n"
CONDA = f"conda:conda-forge/linux-64/python-3.12.1-h_0.conda{HASH}\nconda:bioconda/noarch/bwa-0.7-py_1.tar.bz2{HASH}\n"
REPOSITORY, COMMIT = "https://git.test/ann/waves", "c" * 40


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    builder = Builder(tmp_path / "environments", tmp_path / "cache", Workshop(Path(sys.executable), {}))
    return Exports(builder, base_lock=f"jupyterlab==4.0.0{HASH}\n")


async def _one(exports: Exports, lock: str, form: ExportFormat) -> str:
    return (await exports.files(ExportRequest(lock=lock, format=form)))[form]


async def test_requirements_keep_versions_markers_and_hashes(exports: Exports) -> None:
    """So that pip installs just these files."""
    text = await _one(exports, PYPI, ExportFormat.REQUIREMENTS)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == sorted(PYPI.splitlines(), key=lambda line: (line.startswith("num"), line))


async def test_an_environment_yml_names_builds_of_conda_and_versions_of_pypi(exports: Exports) -> None:
    """With each channel, in the order in which they came up, and a Python where conda has chosen none."""
    both = yaml.safe_load(await _one(exports, CONDA + PYPI, ExportFormat.ENVIRONMENT))
    *of_conda, of_pip = both["dependencies"]
    assert both["channels"] == ["bioconda", "conda-forge", "nodefaults"]
    assert of_conda == ["bioconda::bwa=0.7=py_1", "conda-forge::python=3.12.1=h_0", "pip"]
    assert sorted(Requirement(line).name for line in of_pip["pip"]) == ["httpx", "numpy"]
    alone = yaml.safe_load(await _one(exports, PYPI, ExportFormat.ENVIRONMENT))
    assert alone["dependencies"][0] == f"python={sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize("form", [ExportFormat.REQUIREMENTS, ExportFormat.PYLOCK])
async def test_conda_packages_have_no_place_in_pypis_formats(exports: Exports, form: ExportFormat) -> None:
    """Rather than half an environment."""
    with pytest.raises(ConflictError, match="no words for the 2 packages") as refused:
        await _one(exports, CONDA + PYPI, form)
    assert "environment.yml" in refused.value.hint


async def test_what_is_no_lock_is_refused(exports: Exports) -> None:
    """An option of pip would reach another index."""
    with pytest.raises(CeilingError):
        await _one(exports, "--index-url https://evil.test\n", ExportFormat.REQUIREMENTS)


def _recipe(lock: str, *, repository: str = REPOSITORY, private: bool = False) -> dict[str, str]:
    content = Content(repository=repository, commit=COMMIT)
    asked = ExportRequest(lock=lock, format=ExportFormat.CONTAINER, content=content, private=private)
    return container.files(asked, locks.canonical(lock), f"jupyterlab==4.0.0{HASH}\n", "3.12.1")


def test_a_recipe_installs_what_the_lock_says_and_the_files_of_its_commit() -> None:
    """The repository outside of the home, and Python as on the cluster."""
    found = _recipe(PYPI)
    assert found["environment.txt"] == locks.requirements(locks.canonical(PYPI))
    for part in ("IMAGE=docker.io/library/python:3.12-slim\n", COMMIT, "/srv/repository", "USER jovyan\n"):
        assert part in found["Dockerfile"], part
    assert COMMIT in found["apptainer.def"]
    assert "micromamba" not in "".join(found.values())


def test_a_recipe_with_conda_packages_takes_them_by_address_and_hash() -> None:
    """As micromamba reads explicit lists."""
    found = _recipe(CONDA + PYPI)
    first, *rest = found["conda.txt"].splitlines()
    assert first == "@EXPLICIT"
    assert f"https://conda.anaconda.org/bioconda/noarch/bwa-0.7-py_1.tar.bz2#sha256:{'0' * 64}" in rest
    assert "micromamba create" in found["Dockerfile"]
    assert "COPY conda.txt" not in found["environment.txt"]


def test_a_private_repository_is_not_fetched_by_a_recipe() -> None:
    """It has no token, and shall hold none: whoever builds it puts a clone beside it."""
    found = _recipe(PYPI, private=True)
    assert "git fetch" not in found["Dockerfile"]
    assert "COPY repository /srv/repository\n" in found["Dockerfile"]
    assert f"git clone {REPOSITORY} repository" in found["README.md"]


def test_a_data_set_is_not_fetched_by_a_recipe() -> None:
    """Git cannot: its files are put beside it."""
    found = _recipe(PYPI, repository="https://doi.org/10.5281/zenodo.3242074")
    assert "git fetch" not in found["Dockerfile"]
    assert "COPY repository /srv/repository\n" in found["Dockerfile"]
    assert "data set's, https://doi.org/10.5281/zenodo.3242074: put them into a folder" in found["README.md"]


def test_an_address_is_no_command() -> None:
    """Whatever people called their repository."""
    for text in _recipe(PYPI, repository="https://git.test/$(touch${IFS}x)';`id`").values():
        for line in text.splitlines():
            assert "$(touch" not in line or """'https://git.test/$(touch${IFS}x)'"'"';`id`'""" in line


async def test_the_repositorys_own_package_is_named_and_built(exports: Exports) -> None:
    """Formats of packages alone say where it is; a container builds it by the tools that the lock names."""
    lock = f"{PYPI}build:hatchling==1.27.0{HASH}\nown:{REPOSITORY}@{COMMIT}#python/ab\n"
    text = await _one(exports, lock, ExportFormat.REQUIREMENTS)
    assert f"itself: git+{REPOSITORY}@{COMMIT}#subdirectory=python/ab\n" in text
    assert "hatchling" not in text
    found = _recipe(lock)
    assert found["tools.txt"] == f"hatchling==1.27.0{HASH}\n"
    assert "pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/own/wheels ./python/ab" in found["Dockerfile"]
    assert " tools.txt /opt/\n" in found["Dockerfile"]


@pytest.mark.parametrize("form", [ExportFormat.REQUIREMENTS, ExportFormat.ENVIRONMENT])
async def test_what_a_post_build_did_is_said_to_be_missing(exports: Exports, form: ExportFormat) -> None:
    """Since packages are all that these formats have."""
    lock = f"{PYPI}postbuild:{REPOSITORY}@{COMMIT}\n"
    text = await _one(exports, lock, form)
    assert f"# Without what the postBuild of {REPOSITORY} at {COMMIT}" in text
    assert "setpriv" in _recipe(lock)["Dockerfile"]


async def test_debian_packages_are_named_and_installed_in_their_versions(exports: Exports) -> None:
    """Formats of packages alone say what is missing; a container is of the same release of Debian."""
    lines = f"apt-release:debian-bookworm-amd64\napt-system:curl\napt:tree=2.1.0-1:amd64{HASH}\n"
    text = await _one(exports, lines + PYPI, ExportFormat.REQUIREMENTS)
    assert "# Without Debian's packages (debian-bookworm-amd64): curl tree=2.1.0-1\n" in text
    assert "apt" not in text.partition("tree=")[2]
    docker = _recipe(lines + PYPI)["Dockerfile"]
    assert "-slim-bookworm\n" in docker
    assert "--allow-downgrades curl tree=2.1.0-1 &&" in docker
    ubuntu = _recipe((lines + PYPI).replace("debian-bookworm", "ubuntu-noble"))["Dockerfile"]
    assert "-slim\n" in ubuntu
