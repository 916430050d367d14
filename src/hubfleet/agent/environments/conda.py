"""Conda packages: chosen and installed by py-rattler, in the builder's sandbox and by programs of their own.

The agent itself neither reads a channel's data nor opens a package. py-rattler comes from the agent's own packages and
is seen read-only; it runs by the Python that environments are made with, as it fits any version.
"""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from hubfleet._kit.process import Finished
from hubfleet.agent.environments.locks import CondaPackage
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import BuildError, CommandError, LaunchError

_PUBLIC = "https://conda.anaconda.org"
CHANNELS = {name: f"{_PUBLIC}/{name}" for name in ("conda-forge", "bioconda", "pytorch", "nvidia")}
"""What a cluster allows that names no channels of its own."""
_PLATFORMS = {"x86_64": "linux-64", "aarch64": "linux-aarch64", "ppc64le": "linux-ppc64le"}
_SOLVE_TIMEOUT_S = 600.0
_INSTALL_TIMEOUT_S = 1800.0


class ChannelsAwayError(BuildError):
    """A conda channel that does not answer just now."""

    code = "channels-away"


@dataclass(frozen=True)
class Chosen:
    """One package that the solver chose."""

    package: CondaPackage
    for_python: bool
    """Whether it depends on Python, so that it may be a package of PyPI by another way."""


@dataclass(frozen=True)
class Conda:
    """py-rattler on this machine."""

    workshop: Workshop
    cache: Path
    """For what channels say and packages hold; it may be removed between two runs."""
    channels: Mapping[str, str]
    """Allowed channels by name, and where they are."""

    async def solve(self, specs: Sequence[str], channels: Sequence[str], until: str) -> list[Chosen]:
        """Choose packages.

        Args:
            specs: match specifications.
            channels: names, the most important first.
            until: only packages that were there at this moment (ISO 8601); empty: all.

        Raises:
            ChannelsAwayError: a channel cannot be reached.
            BuildError: there is no such set, with the solver's explanation.
        """
        if self.workshop.bwrap is None:
            raise BuildError("conda environments need a sandbox, which this cluster does without")
        addresses = {name: self.channels[name].rstrip("/") for name in channels}
        told = {
            "specs": [_addressed(spec, addresses) for spec in specs],
            "channels": list(addresses.values()),
            "until": until,
            "platform": platform_name(),
        }
        try:
            done = await self._run("solving.py", told, {}, _SOLVE_TIMEOUT_S)
        except CommandError as error:
            raise BuildError("choosing versions took too long", hint=error.message) from error
        if done.status:
            raise BuildError("conda packages cannot be chosen", hint=last_error(done.stderr))
        answer = json.loads(done.stdout)
        if "unsolvable" in answer:
            raise BuildError("no versions of the conda packages fit together", hint=str(answer["unsolvable"])[:2000])
        if "unreachable" in answer:
            raise ChannelsAwayError("a conda channel does not answer", hint=_short(str(answer["unreachable"])))
        return [_chosen(item, addresses) for item in answer["packages"]]

    async def install(self, packages: Sequence[CondaPackage], prefix: Path, folder: Path) -> None:
        """Install packages.

        Args:
            packages: all of a lock.
            prefix: where the environment will be; files that name it are written so.
            folder: empty; what `prefix` is meanwhile. Its files are copies, which it shares with no cache, so that what
                runs in it later can change no other environment.

        Raises:
            LaunchError: a package cannot be had, or is not what the lock says.
        """
        if self.workshop.bwrap is None:
            raise LaunchError("conda environments need a sandbox, which this cluster does without")
        told = {"prefix": str(prefix), "packages": [self._located(package) for package in packages]}
        try:
            done = await self._run("linking.py", told, {prefix: folder}, _INSTALL_TIMEOUT_S)
        except CommandError as error:
            raise LaunchError(f"the conda packages cannot be installed: {error.message}") from error
        if done.status:
            raise LaunchError("the conda packages cannot be installed", hint=last_error(done.stderr))

    def _located(self, package: CondaPackage) -> dict[str, str]:
        address = self.channels.get(package.channel)
        if address is None:
            raise LaunchError(
                f"this environment has packages of {package.channel!r}, a conda channel that this cluster does not use",
                hint=f"its channels: {', '.join(self.channels)}; the operator may add one",
            )
        if package.subdir not in {"noarch", platform_name()}:
            raise LaunchError(f"this environment is for {package.subdir}, and this machine is {platform_name()}")
        url = f"{address.rstrip('/')}/{package.subdir}/{package.file_name}"
        return {
            **{key: getattr(package, key) for key in ("name", "version", "build", "subdir", "file_name", "sha256")},
            "url": url,
            "channel": address,
        }

    async def _run(
        self, program: str, told: Mapping[str, object], places: Mapping[Path, Path], timeout_s: float
    ) -> Finished:
        self.cache.mkdir(parents=True, exist_ok=True)
        self.workshop.give(self.cache)
        path = f"/run/hubfleet/{program}"
        rattler = rattler_folder()
        return await self.workshop.run(
            [str(self.workshop.python), "-I", path],
            environment={"HOME": str(self.cache)},
            reads=[rattler],
            writes=[self.cache],
            places=places,
            texts={path: files("hubfleet.agent.environments").joinpath(program).read_text()},
            stdin=json.dumps({**told, "cache": str(self.cache), "site_packages": str(rattler.parent)}),
            timeout_s=timeout_s,
            check=False,
        )


def platform_name() -> str:
    """Return conda's name of this machine's kind, such as `linux-64`."""
    machine = platform.machine()
    return _PLATFORMS.get(machine, f"linux-{machine}")


def rattler_folder() -> Path:
    """Return where py-rattler is, which the agent does not import itself."""
    found = find_spec("rattler")
    assert found is not None and found.origin is not None
    return Path(os.path.realpath(found.origin)).parent


def last_error(said: str) -> str:
    """Return what a Python program failed with, out of its traceback."""
    found = list(re.finditer(r"^(?:[\w.]+\.)?\w+(?:Error|Exception): (.*)", said, re.MULTILINE | re.DOTALL))
    return _short(found[-1][1] if found else said)


def _addressed(spec: str, addresses: Mapping[str, str]) -> str:
    """Let a specification mean its channel's mirror where it names a channel."""
    channel, colons, rest = spec.partition("::")
    return f"{addresses[channel]}::{rest}" if colons else spec


def _chosen(item: Mapping[str, object], addresses: Mapping[str, str]) -> Chosen:
    url, file_name = str(item["url"]), str(item["file_name"])
    for channel, address in addresses.items():
        if url == f"{address}/{item['subdir']}/{file_name}" and item["sha256"]:
            known = {key: str(item[key]) for key in ("subdir", "name", "version", "build", "file_name", "sha256")}
            return Chosen(CondaPackage(channel=channel, **known), bool(item["python"]))
    raise BuildError(
        f"the conda package {file_name[:120]} has no hash or lies elsewhere than its channel",
        hint="ask whoever runs that channel",
    )


def _short(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[:2000]
