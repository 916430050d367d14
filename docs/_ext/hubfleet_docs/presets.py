"""The presets: their file format and the built-in ones."""

from importlib import resources

from hubfleet.config.sources import builtin_presets
from hubfleet.model.fleet import PresetFile
from hubfleet_docs.models import cleaned


def page() -> str:
    """Return the page."""
    extends = PresetFile.model_fields["extends"]
    parts = [
        "# Presets\n\nA preset is a named set of defaults for hubs. A hub names it with `preset:`. What the hub, or "
        "`defaults` of the fleet, says wins over it; maps are merged key by key, lists are replaced.\n\n"
        "`hubfleet explain HUB` shows which value came from where.\n\n## Own presets\n\n"
        "`presets/NAME.yaml` may hold each key of [a hub's file](hub.md), and:\n\n"
        f"`extends`\n: {cleaned(extends.description)}\n\n## Built-in presets\n"
    ]
    folder = resources.files("hubfleet.config") / "presets"
    for name in builtin_presets():
        text = (folder / f"{name}.yaml").read_text()
        parts.append(f"### `{name}`\n\n```yaml\n{text}```\n")
    return "\n".join(parts)
