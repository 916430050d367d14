"""What is right to write but nothing honours yet, in one table: whoever builds one of these removes its line.

Such a key is refused by name, never accepted without effect. Switched off (`false`, `0`, `null`) it is what happens
anyway, and passes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hubfleet._kit.yamlfile import Scalar
from hubfleet.config.merge import Path, Setting
from hubfleet.errors import NotSupportedError

FEATURES = ("apps", "buckets", "dask", "publishing", "sharing", "ssh", "usage")

ON_MACHINES = " on machine clusters yet"
NOWHERE = " yet"


@dataclass(frozen=True)
class Unsupported:
    """A key (`*` in the path: any) or some of its values; `values` says which, empty: all."""

    path: str
    where: str = ON_MACHINES
    values: frozenset[Scalar] = frozenset()
    other_than: Scalar = None
    hint: str = ""


_SERVER = tuple(
    entry
    for start in ("profiles.*", "profiles.*.options.*.choices.*")
    for entry in (
        Unsupported(f"{start}.gpu"),
        Unsupported(f"{start}.image", hint="servers of a machine run its base software; remove the key"),
        Unsupported(f"{start}.kubespawner_override", hint="cpu, memory_gib, variables and default_url are keys here"),
        Unsupported(f"{start}.environment", other_than="base", hint="only `base`, the cluster's base software"),
    )
)

HUB = (
    *_SERVER,
    Unsupported("environments"),
    Unsupported("database", NOWHERE, hint="each hub keeps its data in SQLite"),
    Unsupported("self_service", NOWHERE),
    *(Unsupported(f"features.{name}") for name in FEATURES),
)

CLUSTER = (
    Unsupported("kind", NOWHERE, values=frozenset({"kubernetes", "slurm"}), hint="use `kind: machine`"),
    Unsupported("launcher", values=frozenset({"container", "kubernetes", "slurm"}), hint="use `launcher: process`"),
    Unsupported("sandbox", values=frozenset({"none"}), hint="use `sandbox: bubblewrap`"),
    Unsupported("provider", NOWHERE),
    Unsupported("registries", NOWHERE),
)

FLEET = (Unsupported("waves", NOWHERE, hint="staging twins go first, then all other hubs"),)


@dataclass(frozen=True)
class Findings:
    """Errors, and all paths that the table knows, which are to be taken out before anything else is checked."""

    errors: tuple[NotSupportedError, ...]
    paths: tuple[Path, ...]


def find(tree: Setting, table: tuple[Unsupported, ...]) -> Findings:
    """Look for what is not supported."""
    errors, paths = [], []
    for entry in table:
        for path, setting in _matches(tree, entry.path.split(".")):
            if entry.values and not (isinstance(setting.value, Scalar) and setting.value in entry.values):
                continue
            if entry.other_than is not None and setting.value == entry.other_than:
                continue
            paths.append(path)
            if setting.value or not isinstance(setting.value, Scalar):
                errors.append(NotSupportedError(_message(entry, path, setting), hint=entry.hint, where=setting.where))
    return Findings(tuple(errors), tuple(paths))


def _message(entry: Unsupported, path: Path, setting: Setting) -> str:
    if len(path) > 1 and path[-2] == "features":
        what = f"the feature `{path[-1]}`"
    elif entry.values or entry.other_than is not None:
        what = f"`{path[-1]}: {str(setting.value)[:60]}`" if isinstance(setting.value, Scalar) else f"this `{path[-1]}`"
    else:
        what = f"`{path[-1]}`"
    return f"{what} is not supported{entry.where}"


def _matches(tree: Setting, pattern: list[str], path: Path = ()) -> Iterator[tuple[Path, Setting]]:
    if not pattern:
        yield path, tree
    elif isinstance(tree.value, Mapping):
        for key in tree.value if pattern[0] == "*" else (pattern[0],):
            if key in tree.value:
                yield from _matches(tree.value[key], pattern[1:], (*path, key))
