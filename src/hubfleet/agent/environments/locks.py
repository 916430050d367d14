"""Locks: lists of packages with hashes, named by the digest of their canonical text. Pure.

A line is either a package of PyPI, `numpy==2.4.6 --hash=sha256:…`, or one of a conda channel,
`conda:conda-forge/linux-64/numpy-2.4.6-py313h0_0.conda --hash=sha256:…`. Of a channel only its name is there, so that
each cluster takes the same package from its own mirror, and a lock can lead to no other address.

What is of Debian stands first: `apt-release:debian-bookworm-amd64`, of which release all of it is, a line
`apt:graphviz=2.42.2-7:amd64 --hash=sha256:…` for each package that the cluster's own system lacks, and
`apt-system:curl` for what was asked for and is there already.

`own:https://HOST/PATH@COMMIT#FOLDER` says that a repository is a package itself, or has one in a folder. What
`build:hatchling==1.27.0 --hash=sha256:…` names builds it, with whatever the environment has of conda; it is not in the
environment itself. A last line, `postbuild:https://HOST/PATH@COMMIT`, says that a repository's `postBuild` ran on all
that. These two name what was built or run and not what came of it, which each cluster makes anew: all other lines have
a hash.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hubfleet.errors import StateError

MAX_LOCK_BYTES = 2_000_000
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w.,-]+\])?==[\w.+!*]+(\s*;[^\\]*)?( --hash=sha256:[0-9a-f]{64})+")
_BUILD_REQUIREMENT = re.compile(rf"build:{_REQUIREMENT.pattern}")
_CONDA = re.compile(
    r"conda:(?P<channel>[a-z0-9][a-z0-9_.-]*)/(?P<subdir>noarch|linux-[a-z0-9]+)/"
    r"(?P<name>[a-z0-9_][a-z0-9_.-]*)-(?P<version>[A-Za-z0-9_.+!]+)-(?P<build>[A-Za-z0-9_.+]+)\.(?P<kind>conda|tar\.bz2)"
    r" --hash=sha256:(?P<sha256>[0-9a-f]{64})",
    re.ASCII,
)

_DEBIAN_NAME = r"(?P<name>[a-z0-9][a-z0-9+.-]+)"
_DEBIAN = re.compile(
    rf"apt:{_DEBIAN_NAME}=(?P<version>[0-9][A-Za-z0-9.+:~-]*):(?P<architecture>[a-z0-9-]+)"
    r" --hash=sha256:(?P<sha256>[0-9a-f]{64})"
)
_RELEASE = re.compile(r"apt-release:(?P<release>[a-z0-9.]+-[a-z0-9.]+-[a-z0-9]+)")
_SYSTEM = re.compile(rf"apt-system:{_DEBIAN_NAME}")
_ADDRESS = r"(?P<repository>https?://\S{1,2000})@(?P<commit>[0-9a-f]{40})"
_OWN = re.compile(rf"own:{_ADDRESS}(?:#(?P<folder>(?!\.\.?(?:/|$))[^/\s]+(?:/(?!\.\.?(?:/|$))[^/\s]+)*))?")
_POST_BUILD = re.compile(rf"postbuild:{_ADDRESS}")
_BUILD = "build:"
_APT = ("apt-release:", "apt-system:", "apt:")
_KINDS = (*_APT, "conda:", "", _BUILD, "own:", "postbuild:")
"""How lines begin, in their order; PyPI's packages begin with nothing."""
OWN_MAX = 20


@dataclass(frozen=True)
class PostBuild:
    """Whose `postBuild` ran."""

    repository: str
    """Address of a git repository."""
    commit: str
    """Full hash."""


@dataclass(frozen=True)
class Own:
    """A package that a repository is itself."""

    repository: str
    """Address of a git repository."""
    commit: str
    """Full hash."""
    folder: str = ""
    """Where it is in the repository; empty: in its root."""

    @property
    def line(self) -> str:
        """Return its line in a lock."""
        return f"own:{self.repository}@{self.commit}{f'#{self.folder}' * bool(self.folder)}"


@dataclass(frozen=True)
class CondaPackage:
    """One package of a conda channel."""

    channel: str
    """The channel's name."""
    subdir: str
    """`noarch`, or the platform such as `linux-64`."""
    name: str
    version: str
    build: str
    file_name: str
    sha256: str

    @property
    def line(self) -> str:
        """Return its line in a lock."""
        return f"conda:{self.channel}/{self.subdir}/{self.file_name} --hash=sha256:{self.sha256}"


@dataclass(frozen=True)
class DebianPackage:
    """One package of Debian."""

    name: str
    version: str
    architecture: str
    """Debian's name, such as `amd64`, or `all`."""
    sha256: str

    @property
    def line(self) -> str:
        """Return its line in a lock."""
        return f"apt:{self.name}={self.version}:{self.architecture} --hash=sha256:{self.sha256}"


def canonical(text: str) -> str:
    """Return a lock with one sorted requirement a line, conda packages first, without comments and layout.

    Raises:
        StateError: it is no lock: a line has no exact version or no hash, or is an option such as `--index-url`; or its
            conda packages cannot be one environment.
    """
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = [re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines()]
    kept = sorted((re.sub(r"\s+", " ", line) for line in lines if line), key=_place)
    for line in kept:
        if not _kind(line).fullmatch(line):
            raise StateError(f"this line of a lock has no exact version with hashes: {line[:80]!r}")
    whole = "\n".join(kept) + "\n"
    if sum(map(_is_post_build, kept)) > 1:
        raise StateError("the lock has two repositories whose postBuild ran")
    own = sum(line.startswith("own:") for line in kept)
    if own > OWN_MAX or (not own and any(line.startswith(_BUILD) for line in kept)):
        raise StateError("the lock has too many packages of repositories, or says only how to build them")
    _check(conda_packages(whole))
    _check_debian(whole)
    return whole


def digest(canonical_lock: str) -> str:
    """Return the name of an environment: SHA-256 of its canonical lock."""
    return hashlib.sha256(canonical_lock.encode()).hexdigest()


def conda_packages(canonical_lock: str) -> list[CondaPackage]:
    """Return a lock's packages of conda channels; none: all are PyPI's."""
    found = [match for line in canonical_lock.splitlines() if (match := _CONDA.fullmatch(line))]
    return [
        CondaPackage(
            match["channel"],
            match["subdir"],
            match["name"],
            match["version"],
            match["build"],
            f"{match['name']}-{match['version']}-{match['build']}.{match['kind']}",
            match["sha256"],
        )
        for match in found
    ]


def debian(canonical_lock: str) -> str:
    """Return a lock's lines of Debian, as text; empty: it has none."""
    return "".join(f"{line}\n" for line in canonical_lock.splitlines() if line.startswith(_APT))


def debian_packages(canonical_lock: str) -> list[DebianPackage]:
    """Return the packages of Debian that a cluster's own system lacks."""
    found = [match for line in canonical_lock.splitlines() if (match := _DEBIAN.fullmatch(line))]
    return [DebianPackage(item["name"], item["version"], item["architecture"], item["sha256"]) for item in found]


def debian_release(canonical_lock: str) -> str:
    """Return of which release a lock's lines of Debian are, such as `debian-bookworm-amd64`; empty: it has none."""
    found = _RELEASE.match(canonical_lock)
    return found["release"] if found else ""


def of_system(canonical_lock: str) -> list[str]:
    """Return names of Debian packages that a cluster's own system has to have."""
    return [match["name"] for line in canonical_lock.splitlines() if (match := _SYSTEM.fullmatch(line))]


def requirements(canonical_lock: str) -> str:
    """Return a lock's packages of PyPI, as text that uv reads."""
    return "".join(f"{line}\n" for line in canonical_lock.splitlines() if line and _kind(line) is _REQUIREMENT)


def own(canonical_lock: str) -> list[Own]:
    """Return a lock's packages that are repositories themselves."""
    found = [match for line in canonical_lock.splitlines() if (match := _OWN.fullmatch(line))]
    return [Own(match["repository"], match["commit"], match["folder"] or "") for match in found]


def with_own(canonical_lock: str, tools: str, wanted: Iterable[Own]) -> str:
    """Return the lock of an environment that has these packages too, which `tools` (a lock as well) build."""
    build = "".join(f"{_BUILD}{line}\n" for line in requirements(tools).splitlines())
    return canonical(canonical_lock + build + "".join(f"{item.line}\n" for item in wanted))


def tools(canonical_lock: str) -> str:
    """Return the lock of the environment in which a lock's own packages are built: all but PyPI's is the same."""
    beside = [line for line in canonical_lock.splitlines() if line.startswith((*_APT, "conda:"))]
    build = [line.removeprefix(_BUILD) for line in canonical_lock.splitlines() if line.startswith(_BUILD)]
    return canonical("".join(f"{line}\n" for line in (*beside, *build)))


def post_build(canonical_lock: str) -> PostBuild | None:
    """Return whose `postBuild` ran on a lock's packages; None: nobody's."""
    found = _POST_BUILD.fullmatch((canonical_lock.splitlines() or [""])[-1])
    return PostBuild(found["repository"], found["commit"]) if found else None


def with_post_build(canonical_lock: str, wanted: PostBuild) -> str:
    """Return the lock of the environment that a `postBuild` makes of another one."""
    return canonical(f"{canonical_lock}postbuild:{wanted.repository}@{wanted.commit}\n")


def without_post_build(canonical_lock: str) -> str:
    """Return the lock of the packages alone, those of repositories among them."""
    return "".join(f"{line}\n" for line in canonical_lock.splitlines() if not _is_post_build(line))


def _check(packages: list[CondaPackage]) -> None:
    names = Counter(package.name for package in packages)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise StateError(f"the lock has two versions of {', '.join(twice[:5])}")
    if packages and "python" not in names:
        raise StateError("the lock has conda packages and no Python among them")
    platforms = sorted({package.subdir for package in packages} - {"noarch"})
    if len(platforms) > 1:
        raise StateError(f"the lock is for two platforms: {', '.join(platforms)}")


def _check_debian(whole: str) -> None:
    lines = debian(whole).splitlines()
    releases = [line for line in lines if line.startswith("apt-release:")]
    if len(releases) != (1 if lines else 0):
        raise StateError("the lock does not say of which one release its Debian packages are")
    names = Counter([item.name for item in debian_packages(whole)] + of_system(whole))
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise StateError(f"the lock has two versions of Debian's {', '.join(twice[:5])}")


def _kind(line: str) -> re.Pattern[str]:
    kinds = {"apt-release:": _RELEASE, "apt-system:": _SYSTEM, "apt:": _DEBIAN}
    kinds |= {"conda:": _CONDA, _BUILD: _BUILD_REQUIREMENT, "own:": _OWN, "postbuild:": _POST_BUILD}
    return kinds.get(_KINDS[_rank(line)], _REQUIREMENT)


def _place(line: str) -> tuple[int, str]:
    return (_rank(line), line)


def _rank(line: str) -> int:
    return next((rank for rank, start in enumerate(_KINDS) if start and line.startswith(start)), _KINDS.index(""))


def _is_post_build(line: str) -> bool:
    return line.startswith("postbuild:")
