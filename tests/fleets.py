"""Folders of configuration for tests."""

from pathlib import Path

from hubfleet.config.load import Loaded, load
from hubfleet.errors import ConfigError, ConfigErrors

FLEET = "name: test\n"
MACHINE = "kind: machine\n"
HUB = "preset: education\nsign_in: {with: shared-password}\nallow: {everyone: true}\n"


def write(directory: Path, files: dict[str, str] | None = None, *, hub: str | None = None) -> Path:
    """Write a fleet with one machine `here`, and files over it; `hub` becomes hubs/sea.yaml."""
    content = {"fleet.yaml": FLEET, "clusters/here.yaml": MACHINE, **(files or {})}
    if hub is not None:
        content["hubs/sea.yaml"] = hub
    for name, text in content.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


def loaded(directory: Path, files: dict[str, str] | None = None, *, hub: str | None = None) -> Loaded:
    """Write and load."""
    return load(write(directory, files, hub=hub))


def errors(directory: Path, files: dict[str, str] | None = None, *, hub: str | None = None) -> list[ConfigError]:
    """Write, load, and return what is wrong."""
    try:
        load(write(directory, files, hub=hub))
    except ConfigErrors as found:
        return list(found.errors)
    return []


def only_error(directory: Path, files: dict[str, str] | None = None, *, hub: str | None = None) -> ConfigError:
    """Write, load, and return the one thing that is wrong."""
    found = errors(directory, files, hub=hub)
    assert len(found) == 1, [str(error) for error in found]
    return found[0]
