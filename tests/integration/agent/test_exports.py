"""Environments for other tools, tried with these tools: they install the same packages."""

import os
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import images
from git_servers import GitServer
from hubfleet._kit import process
from hubfleet.protocol.builds import Build, BuildState
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.exports import ExportFormat, ExportRequest
from integration.agent.test_builds import built

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.anyio]
OWN = """[project]
name = "tides"
version = "1.0"
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.setuptools]
py-modules = ["tides"]
"""
NOTEBOOK = """{"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "execution_count": null, "outputs": [],
"source": "import six, sys, tides\\nprint(six.__version__, sys.prefix, tides.HIGH, open('made').read())"}],
"metadata": {}, "nbformat": 4, "nbformat_minor": 5}"""


async def _exported(portal: AgentClient, build: Build, form: ExportFormat, folder: Path) -> Path:
    request = ExportRequest(lock=build.lock, format=form, content=build.content)
    for name, text in (await portal.export(request)).files.items():
        (folder / name).write_text(text)
    return folder / form


def _packages(text: str) -> set[tuple[str, str]]:
    found = [Requirement(line.split(" --hash")[0]) for line in text.splitlines() if "==" in line]
    return {(canonicalize_name(item.name), str(item.specifier)) for item in found}


@pytest.mark.parametrize("form", [ExportFormat.PYLOCK, ExportFormat.REQUIREMENTS])
async def test_uv_installs_the_same_packages(
    portal: AgentClient, git: GitServer, tmp_path: Path, form: ExportFormat
) -> None:
    """Each by its hash, and no other."""
    build = await built(portal, git.repository(f"for-{form}", {"requirements.txt": "six==1.16.0\n"}).url)
    assert build.state is BuildState.READY, build
    file = await _exported(portal, build, form, tmp_path)
    tool, prefix = uv.find_uv_bin(), str(tmp_path / "there")
    process.run([tool, "venv", "--quiet", "--no-config", prefix])
    process.run(
        [tool, "pip", "install", "--quiet", "--no-config", "--no-deps", "--python", prefix, "-r", str(file)],
        timeout_s=300,
    )
    frozen = process.run([tool, "pip", "freeze", "--no-config", "--python", prefix]).stdout
    assert _packages(frozen) == _packages(build.lock)


@pytest.mark.skipif(not images.can_be_built(), reason="no image can be built here")
async def test_a_container_of_the_recipe_runs_the_repositorys_notebook(
    portal: AgentClient, git: GitServer, tmp_path: Path
) -> None:
    """By buildah: as an ordinary user, with the lock's packages, after `postBuild`, and with a home that is mounted."""
    files = {
        "requirements.txt": "six==1.16.0\n.\n",
        "pyproject.toml": OWN,
        "tides.py": "HIGH = 'flood'\n",
        "postBuild": "#!/bin/sh\necho ready > made\n",
        "waves.ipynb": NOTEBOOK,
    }
    build = await built(portal, git.repository("contained", files).url)
    assert build.state is BuildState.READY, build
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    await _exported(portal, build, ExportFormat.CONTAINER, recipe)
    store = images.Images(tmp_path)
    store.build(recipe, "localhost/environment")
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 1000, 1000)
    container = store.buildah("from", "localhost/environment")
    said = store.buildah(
        *("run", "--volume", f"{home}:/home/jovyan", container, "--", "sh", "-c"),
        "id -un && jupyterhub-singleuser --version && jupyter execute --inplace waves.ipynb && cat waves.ipynb",
    )
    assert said.startswith("jovyan\n")
    assert "1.16.0 /opt/environment flood ready" in said
