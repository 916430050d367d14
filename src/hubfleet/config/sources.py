"""The files of a fleet's folder, read; nothing in it that looks like configuration is passed over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from hubfleet._kit.names import closest, is_label
from hubfleet._kit.yamlfile import Tree, parse, read
from hubfleet.config.find import FLEET_FILE
from hubfleet.errors import BadValueError, ConfigError, ConfigErrors, Where

FOLDERS = ("clusters", "hubs", "presets")
_OTHER_FOLDERS = {"secrets", "files", "docs"}
_ENDINGS = {".yml", ".json", ".yaml"}


@dataclass
class Sources:
    """What the files say, by kind and name, and what is wrong with the files themselves."""

    fleet: Tree
    clusters: dict[str, Tree] = field(default_factory=dict)
    hubs: dict[str, Tree] = field(default_factory=dict)
    presets: dict[str, Tree] = field(default_factory=dict)
    unreadable: set[tuple[str, str]] = field(default_factory=set)
    """Folder and name of files that exist but are no YAML, so that nobody is told that they are missing."""
    errors: list[ConfigError] = field(default_factory=list)


def read_folder(directory: Path) -> Sources:
    """Read a fleet's folder; what cannot be read is among the errors of the result."""
    sources = Sources(Tree(Where(FLEET_FILE, 1), {}))
    tree = _read(directory / FLEET_FILE, FLEET_FILE, sources)
    if tree is None:
        sources.unreadable.add(("", FLEET_FILE))
    else:
        sources.fleet = tree
    _look_for_lost_files(directory, sources)
    for folder in FOLDERS:
        _read_subfolder(directory, folder, sources)
    return sources


@cache
def builtin_presets() -> Mapping[str, Tree]:
    """Return the presets that the package brings."""
    folder = resources.files("hubfleet.config") / "presets"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        name, _, ending = file.name.rpartition(".")
        if ending == "yaml":
            found[name] = parse(file.read_bytes(), f"built-in presets/{file.name}")
    return found


def _read(path: Path, shown_as: str, sources: Sources) -> Tree | None:
    try:
        tree = read(path, shown_as)
    except ConfigErrors as error:
        sources.errors += error.errors
        return None
    if not isinstance(tree.value, Mapping):
        sources.errors.append(
            BadValueError("the file must hold a map", hint="lines such as `title: Ocean Lab`", where=Where(shown_as, 1))
        )
        return None
    return tree


def _read_subfolder(directory: Path, folder: str, sources: Sources) -> None:
    found: dict[str, Tree] = getattr(sources, folder)
    for path in _entries(directory / folder, folder, sources):
        shown_as = f"{folder}/{path.name}"
        if path.suffix not in _ENDINGS or path.name.startswith("."):
            continue
        if path.suffix != ".yaml" or not path.is_file():
            sources.errors.append(
                ConfigError(
                    "not read, since its name does not end in .yaml"
                    if path.is_file()
                    else "not a file that can be read",
                    hint=f"name it {folder}/{path.stem}.yaml, or move it away",
                    where=Where(shown_as),
                )
            )
            continue
        if not is_label(path.stem):
            sources.errors.append(
                BadValueError(
                    f"{path.stem!r} is not fit for a name",
                    hint="name the file with 1-30 of a-z, 0-9 and single `-`, first a letter, then .yaml",
                    where=Where(shown_as),
                )
            )
            continue
        tree = _read(path, shown_as, sources)
        if tree is None:
            sources.unreadable.add((folder, path.stem))
        else:
            found[path.stem] = tree


def _look_for_lost_files(directory: Path, sources: Sources) -> None:
    for path in _entries(directory, ".", sources):
        if path.name.startswith(".") or path.name in {FLEET_FILE, *FOLDERS} or path.name in _OTHER_FOLDERS:
            continue
        meant = closest(path.name, FOLDERS) if path.is_dir() else None
        if meant or (path.stem == "fleet" and path.suffix in _ENDINGS):
            sources.errors.append(
                ConfigError(
                    "not read by its name", hint=f"did you mean {meant or FLEET_FILE!r}?", where=Where(path.name)
                )
            )


def _entries(folder: Path, shown_as: str, sources: Sources) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        sources.errors.append(ConfigError(f"cannot read the folder: {error.strerror}", where=Where(shown_as)))
        return []
