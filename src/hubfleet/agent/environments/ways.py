"""Both ways of an environment.yml: what is asked of conda's channels, and what of PyPI in their place. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from hubfleet.agent.environments import conda_names, environment_file, from_pypi
from hubfleet.agent.environments.environment_file import EnvironmentFile
from hubfleet.agent.environments.specification import KERNEL, CondaFile, FromPypi, Refusal, Wanted
from hubfleet.errors import BuildError


def both(said: EnvironmentFile, channels: Mapping[str, str], known: Iterable[str], *, python: str) -> CondaFile:
    """Return both ways; which one is taken, the hub says, or whether the channels answer.

    Args:
        said: by the repository's file.
        channels: as of `environment_file.wanted`.
        known: channels of whose packages PyPI's names are known.
        python: as of `from_pypi.translated`.
    """
    by_channels: Wanted | Refusal
    by_pypi: FromPypi | Refusal
    try:
        by_channels = with_kernel(said, environment_file.wanted(said, channels))
    except BuildError as error:
        by_channels = Refusal(error.message, error.hint)
    try:
        by_pypi = from_pypi.translated(said, conda_names.names(), known, python=python)
    except BuildError as error:
        by_pypi = Refusal(error.message, error.hint)
    return CondaFile(by_channels, by_pypi, tuple(line.text for line in said.pip))


def exact(said: EnvironmentFile, channels: Mapping[str, str]) -> CondaFile:
    """Return what an exact list asks for, which nothing but the channels themselves has."""
    hint = "write an environment.yml beside it, and leave the list out, for packages of PyPI in their place"
    by_pypi = Refusal(f"{said.path} names conda's own builds, which only conda channels have", hint)
    wanted = with_kernel(said, environment_file.wanted(said, channels))
    return CondaFile(wanted, by_pypi, tuple(line.text for line in said.pip))


def with_kernel(said: EnvironmentFile, wanted: Wanted) -> Wanted:
    """Return what is asked of conda with Python and, where nobody names it, a kernel."""
    named = {environment_file.package_name(spec) for spec in wanted.specs}
    by_pip = {re.split(r"[^\w.-]", line.text)[0].lower() for line in said.pip}
    missing = [name for name in ("python", *KERNEL) if name not in named and (name == "python" or name not in by_pip)]
    return replace(wanted, specs=(*wanted.specs, *missing))
