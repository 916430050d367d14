"""All generated pages by file name."""

from collections.abc import Callable, Mapping

from hubfleet_docs import agent_api, commands, dependencies, errors, keys, presets, settings, support

PAGES: Mapping[str, Callable[[], str]] = {
    "fleet": keys.fleet,
    "cluster": keys.cluster,
    "hub": keys.hub,
    "preset": presets.page,
    "commands": commands.page,
    "errors": errors.page,
    "agent-api": agent_api.page,
    "program-settings": settings.page,
    "not-supported": support.page,
    "dependencies": dependencies.page,
}
