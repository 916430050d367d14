"""Parts that other distributions bring, found by entry points."""

from importlib.metadata import entry_points

from hubfleet.errors import PlatformError


def load(group: str, name: str) -> object:
    """Return the object that an installed distribution offers under a name.

    Raises:
        PlatformError: there is none, or two.
    """
    found = list(entry_points(group=group, name=name))
    if not found:
        raise PlatformError(f"no {group.rpartition('.')[2]} plug-in named {name!r} is installed")
    if len(found) > 1:
        raise PlatformError(
            f"{len(found)} distributions offer {name!r} for {group}", hint="uninstall all but one of them"
        )
    return found[0].load()
