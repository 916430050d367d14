"""A pyproject.toml as PyPA specifies it: what it asks for, as far as it says so without its code being run. Pure.

https://packaging.python.org/en/latest/specifications/pyproject-toml/. Like `pip install .`, which is repo2docker's way
(https://github.com/jupyterhub/repo2docker/blob/main/repo2docker/buildpacks/python/__init__.py), it takes
`dependencies`, and neither extras nor groups.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hubfleet.agent.environments import python_version, tables
from hubfleet.errors import BuildError

NAME = "pyproject.toml"
WRITE_A_LIST = "write the packages that the notebooks need into a requirements.txt"


@dataclass(frozen=True)
class Project:
    """What a pyproject.toml says."""

    path: str
    requirements: tuple[str, ...] = ()
    """What it depends on."""
    declared: bool = False
    """Whether it has a table `project`; many have settings of tools alone."""
    dynamic: bool = False
    """Whether only its code knows what it depends on."""
    built: bool = False
    """Whether it is a package that is built, so that repo2docker would install it too."""
    poetry: bool = False
    """Whether it has dependencies in Poetry's own table."""
    package: bool = True
    """Whether uv and Poetry install it beside its lock."""


def parse(text: str, path: str, python: str) -> Project:
    """Read a file.

    Args:
        text: TOML.
        path: its name in errors.
        python: the exact version of the cluster's; empty: any may be meant.

    Raises:
        BuildError: it is none, or asks for another Python or for what comes from an address; names the entry.
    """
    whole = tables.toml(text, path)
    project = tables.table(whole.get("project"), path, "project")
    tool = tables.table(whole.get("tool"), path, "tool")
    poetry = tables.table(tool.get("poetry"), path, "tool.poetry")
    uv = tables.table(tool.get("uv"), path, "tool.uv")
    asked = tables.text(project.get("requires-python"), path, "project.requires-python")
    if python:
        python_version.check(asked, python, f"requires-python in {path}")
    return Project(
        path,
        tuple(_requirements(project, path)),
        declared="project" in whole,
        dynamic="dependencies" in tables.items(project.get("dynamic"), path, "project.dynamic"),
        built="build-system" in whole,
        poetry="dependencies" in poetry,
        # https://docs.astral.sh/uv/reference/settings/#package, https://python-poetry.org/docs/pyproject/#package-mode
        package=uv.get("package") is not False and poetry.get("package-mode") is not False,
    )


def check_sources(text: str, path: str, wanted: tuple[str, ...]) -> None:
    """Refuse what uv would take from elsewhere than the index: what has its name there may be anybody's.

    https://docs.astral.sh/uv/concepts/projects/dependencies/#dependency-sources

    Raises:
        BuildError: names the entry.
    """
    uv = tables.table(tables.table(tables.toml(text, path).get("tool"), path, "tool").get("uv"), path, "tool.uv")
    sources = tables.table(uv.get("sources"), path, "tool.uv.sources")
    names = {canonicalize_name(Requirement(line).name) for line in wanted}
    for name, source in sources.items():
        found = source if isinstance(source, list) else [source]
        elsewhere = [item for item in found if isinstance(item, Mapping) and not {"index", "marker"}.issuperset(item)]
        if elsewhere and canonicalize_name(name) in names:
            raise BuildError(
                f"{path}: {name[:80]!r} comes from elsewhere than the package index (tool.uv.sources), and cannot be "
                "installed yet",
                hint="name a version from the package index instead",
            )


def _requirements(project: Mapping[str, object], path: str) -> Iterator[str]:
    for entry in tables.items(project.get("dependencies"), path, "project.dependencies"):
        line = tables.text(entry, path, "project.dependencies")
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise BuildError(
                f"{path}: {line[:80]!r} in `dependencies` is no requirement", hint="such as 'numpy>=2'"
            ) from error
        if requirement.url:
            raise BuildError(
                f"{path}: {line[:80]!r} in `dependencies` comes from an address, and cannot be installed yet",
                hint="name a version from the package index instead",
            )
        yield str(requirement)
