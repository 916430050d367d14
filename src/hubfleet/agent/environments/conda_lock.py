"""Exact conda packages that a repository's own lock names: conda-lock's file, or conda's explicit list.

https://conda.github.io/conda-lock/output/ has both. What is taken of them are channel, name, version and build, which
say one package; its hash is that of the cluster's own channel. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from hubfleet._kit import yamlfile
from hubfleet._kit.yamlfile import Tree
from hubfleet.agent.environments.environment_file import EnvironmentFile, Line
from hubfleet.errors import BuildError, ConfigErrors

NAMES = ("conda-lock.yml", "conda-lock.yaml", "conda-linux-64.lock", "conda-linux-aarch64.lock")
_EXPLICIT = "@EXPLICIT"
_FILE = re.compile(
    r"(?P<channel>https?://[^\s?#]+)/(?P<subdir>noarch|[a-z]+-[a-z0-9]+)/"
    r"(?P<name>[a-z0-9_][a-z0-9_.-]*)-(?P<version>[A-Za-z0-9_.+!]+)-(?P<build>[A-Za-z0-9_.+]+)\.(?:conda|tar\.bz2)",
    re.ASCII,
)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_VERSION = re.compile(r"[\w.+!-]+", re.ASCII)
_PACKAGES_MAX = 5000
_AGAIN = "lock it again with `conda-lock --platform {}`"


def parse(text: str, path: str, platform: str) -> EnvironmentFile:
    """Return what a lock asks for, each package exactly.

    Args:
        text: the file.
        path: of the file.
        platform: conda's name of the cluster's machines, such as `linux-64`.

    Raises:
        BuildError: it is no such file, or has nothing for the platform.
    """
    found = _explicit(text, path) if path.endswith(".lock") else _locked(text, path, platform)
    packages: list[Line] = []
    pip: list[Line] = []
    channels: dict[str, Line] = {}
    for line, of_pip in found:
        if of_pip:
            pip.append(line)
            continue
        said = _FILE.fullmatch(line.text)
        if said is None:
            raise _wrong(path, line.number, f"{line.text[:80]!r} is no address of a conda package", "lock it again")
        if said["subdir"] not in {"noarch", platform}:
            raise _wrong(path, line.number, f"its packages are of {said['subdir']}", _AGAIN.format(platform))
        channel = _channel(said["channel"])
        channels.setdefault(channel, Line(channel, line.number))
        packages.append(Line(f"{channel}::{said['name']} =={said['version']} {said['build']}", line.number))
    if not packages:
        raise BuildError(f"{path} has no conda packages for {platform}", hint=_AGAIN.format(platform))
    if len(packages) + len(pip) > _PACKAGES_MAX:
        raise _wrong(path, 1, f"more than {_PACKAGES_MAX} packages are named", "name those that are used")
    return EnvironmentFile(path, list(channels.values()), packages, pip)


def _explicit(text: str, path: str) -> Iterator[tuple[Line, bool]]:
    """Yield the addresses of an explicit list, without their hashes."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    told = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not told or told[0][1] != _EXPLICIT:
        raise _wrong(path, told[0][0] if told else 1, f"it does not begin with {_EXPLICIT}", "lock it again")
    for number, line in told[1:]:
        yield Line(line.partition("#")[0], number), False


def _locked(text: str, path: str, platform: str) -> Iterator[tuple[Line, bool]]:
    """Yield what conda-lock's file has for a platform: addresses, and requirements of pip."""
    try:
        tree = yamlfile.parse(text.encode(), path)
    except ConfigErrors as errors:
        first = errors.errors[0]
        hint = "the list of one platform is shorter: `conda-lock render --kind explicit`"
        raise _wrong(path, first.where.line if first.where else 0, first.message, hint) from errors
    said = tree.value.get("package") if isinstance(tree.value, Mapping) else None
    if said is None or not isinstance(said.value, tuple):
        raise _wrong(path, 1, "it has no list `package`", "lock it again with conda-lock 1 or newer")
    for item in said.value:
        entry = _entry(item, path)
        if entry.get("platform") != platform or entry.get("optional") is True:
            continue
        number = item.where.line
        if entry.get("manager") == "conda":
            yield Line(str(entry.get("url", "")).partition("#")[0], number), False
        elif entry.get("manager") == "pip":
            name, version = str(entry.get("name", "")), entry.get("version")
            if not _NAME.fullmatch(name) or not isinstance(version, str) or not _VERSION.fullmatch(version):
                raise _wrong(path, number, "a package of pip has no name and version", "lock it again")
            yield Line(f"{name}=={version}", number), True
        else:
            raise _wrong(path, number, "a package is neither conda's nor pip's", "lock it again")


def _entry(item: Tree, path: str) -> dict[str, object]:
    if not isinstance(item.value, Mapping):
        raise _wrong(path, item.where.line, "a package is no map of its facts", "lock it again")
    return {key: inner.value for key, inner in item.value.items()}


def _channel(address: str) -> str:
    """Return a channel's address as others write it: without what signs somebody in there."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _wrong(path: str, line: int, message: str, hint: str) -> BuildError:
    return BuildError(f"line {line} of {path}: {message}", hint=hint)
