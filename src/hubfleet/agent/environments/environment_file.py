"""An environment.yml as conda reads it: channels, conda packages and a `pip:` part; what cannot be honoured is named.

https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html has its keys. Strangers write
it: it is read as plain YAML, without tags and within limits. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hubfleet._kit import yamlfile
from hubfleet._kit.yamlfile import Tree
from hubfleet.agent.environments.specification import Wanted
from hubfleet.errors import BuildError, ConfigErrors

NAMES = ("environment.yml", "environment.yaml")
_PUBLIC = re.compile(r"https://(?:conda\.anaconda\.org|repo\.prefix\.dev|prefix\.dev/channels)/([a-z0-9][\w.-]*)/?")
_PACKAGE = re.compile(r"[A-Za-z0-9_][\w.-]*[\w.*<>=!~|,+()\s-]*", re.ASCII)
ANACONDA = frozenset({"defaults", "anaconda", "main"})
"""What Anaconda's own channels are called."""
_KEYS = frozenset({"name", "channels", "dependencies", "prefix"})
"""What a file may say; `prefix` is where `conda env export` found it, which nobody else has."""
_SPECS_MAX = 2000
_CHARACTERS_MAX = 300


@dataclass(frozen=True)
class Line:
    """One entry of a list, and where it is."""

    text: str
    number: int


@dataclass(frozen=True)
class EnvironmentFile:
    """What an environment.yml asks for."""

    path: str
    channels: Sequence[Line]
    """As written, the most important first; empty: none is named."""
    packages: Sequence[Line]
    """Match specifications, some with `CHANNEL::` before them."""
    pip: Sequence[Line]
    """Requirements, and `-r FILE` of the repository."""


def parse(text: str, path: str) -> EnvironmentFile:
    """Read a file.

    Raises:
        BuildError: it is none, or asks for what cannot be had here; names line and word.
    """
    try:
        tree = yamlfile.parse(text.encode(), path)
    except ConfigErrors as errors:
        first = errors.errors[0]
        line = first.where.line if first.where else 0
        raise _wrong(path, line, first.message, "write it as `conda env export` does") from errors
    if not isinstance(tree.value, Mapping):
        raise _wrong(path, 1, "this is no list of channels and dependencies", "such as `dependencies: [python, numpy]`")
    for key, item in tree.value.items():
        if key not in _KEYS:
            hint = "set them in the notebook, such as `%env NAME=value`" if key == "variables" else "remove it"
            raise _wrong(path, item.where.line, f"`{key[:40]}` cannot be honoured here", hint)
    packages: list[Line] = []
    pip: list[Line] = []
    for entry, inner in _dependencies(path, tree.value.get("dependencies")):
        (pip if inner else packages).append(entry)
    if len(packages) + len(pip) > _SPECS_MAX:
        raise _wrong(path, 1, f"more than {_SPECS_MAX} packages are named", "name those that are used")
    channels = [_text(path, item) for item in _list(path, tree.value.get("channels"), "channels")]
    return EnvironmentFile(path, channels, packages, pip)


def wanted(file: EnvironmentFile, allowed: Mapping[str, str]) -> Wanted:
    """Return what is asked of a cluster's own channels.

    Args:
        file: the repository's.
        allowed: channels of the cluster by name, and where they are; the first one stands for Anaconda's own ones,
            whose terms ask most universities for a licence, and serves files that name none.

    Raises:
        BuildError: a channel is not allowed.
    """
    first, notes = next(iter(allowed)), dict[str, None]()

    def known(line: Line, name: str) -> str:
        public = _PUBLIC.fullmatch(name)
        here = [channel for channel, address in allowed.items() if name.rstrip("/") == address.rstrip("/")]
        name = here[0] if here else public[1] if public else name
        if name in allowed:
            return name
        if name.removeprefix("pkgs/") in ANACONDA:
            notes[f"{first} is used instead of the channel {name}, for which Anaconda's terms may ask a licence"] = None
            return first
        hint = f"channels of this cluster: {', '.join(allowed)}; the operator may add one to `channels` in its file"
        raise _wrong(file.path, line.number, f"the channel {name[:80]!r} is not used on this cluster", hint)

    named = [known(line, line.text) for line in file.channels if line.text != "nodefaults"]
    specs = []
    for line in file.packages:
        channel, colons, spec = line.text.rpartition("::")
        specs.append(f"{known(line, channel)}::{spec}" if colons else spec)
    asked = [spec.partition("::")[0] for spec in specs if "::" in spec]
    return Wanted(tuple(dict.fromkeys([*named, *asked] if named else [first, *asked])), tuple(specs), tuple(notes))


def package_name(spec: str) -> str:
    """Return which package a match specification is of, such as `numpy` for `conda-forge::numpy>=2`."""
    found = re.match(r"[\w.-]+", spec.rpartition("::")[2])
    return found[0].lower() if found else ""


def _dependencies(path: str, tree: Tree | None) -> Iterator[tuple[Line, bool]]:
    """Yield what is named, and whether it is of the `pip:` part."""
    for item in _list(path, tree, "dependencies"):
        if not isinstance(item.value, Mapping):
            line = _text(path, item)
            if not _PACKAGE.fullmatch(line.text.rpartition("::")[2]):
                hint = (
                    "name a package and its version, such as numpy=2.3; addresses, files and [...] cannot be honoured"
                )
                raise _wrong(path, line.number, f"{line.text[:80]!r} is no conda package", hint)
            yield line, False
            continue
        for key, inner in item.value.items():
            if key != "pip":
                raise _wrong(path, inner.where.line, f"`{key[:40]}:` cannot be honoured here", "only `pip:` can be")
            for requirement in _list(path, inner, "pip"):
                yield _text(path, requirement), True


def _list(path: str, tree: Tree | None, key: str) -> Sequence[Tree]:
    if tree is None or tree.value is None:
        return ()
    if not isinstance(tree.value, tuple):
        raise _wrong(path, tree.where.line, f"`{key}` is no list", f"begin each line below `{key}:` with `- `")
    return tree.value


def _text(path: str, tree: Tree) -> Line:
    if not isinstance(tree.value, str) or not tree.value.strip() or len(tree.value) > _CHARACTERS_MAX:
        raise _wrong(path, tree.where.line, "an entry of this list is no name", "write each as `- NAME`, or in quotes")
    if not tree.value.isprintable():
        raise _wrong(path, tree.where.line, "an entry of this list is more than one line", "write each as `- NAME`")
    return Line(tree.value.strip(), tree.where.line)


def _wrong(path: str, line: int, message: str, hint: str) -> BuildError:
    return BuildError(f"line {line} of {path}: {message}", hint=hint)
