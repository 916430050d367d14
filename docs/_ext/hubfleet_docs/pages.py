"""All generated pages by file name."""

from collections.abc import Callable, Mapping

from hubfleet_docs import agent_api, commands, dependencies, errors, keys, portal_api, presets, settings, support

PAGES: Mapping[str, Callable[[], str]] = {
    "fleet": keys.fleet,
    "cluster": keys.cluster,
    "hub": keys.hub,
    "preset": presets.page,
    "commands": commands.page,
    "errors": errors.page,
    "agent-api": agent_api.page,
    "portal-api": portal_api.page,
    "program-settings": settings.page,
    "not-supported": support.page,
    "dependencies": dependencies.page,
}
