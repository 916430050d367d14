"""JSON Schemas of the files, for editors; made from the models, so that they say the same."""

from typing import TypeAlias

from pydantic import BaseModel, JsonValue

from hubfleet.model.cluster import ClusterFile
from hubfleet.model.fleet import FleetFile, PresetFile
from hubfleet.model.hub import HubFile

Schema: TypeAlias = dict[str, JsonValue]

FILES: dict[str, type[BaseModel]] = {
    "fleet": FleetFile,
    "cluster": ClusterFile,
    "hub": HubFile,
    "preset": PresetFile,
}


def schemas() -> dict[str, Schema]:
    """Return the schema of each kind of file."""
    return {name: _schema(name, model) for name, model in FILES.items()}


def line_for(kind: str, path_to_root: str) -> str:
    """Return the first line of a file by which editors find its schema."""
    return f"# yaml-language-server: $schema={path_to_root}.schema/{kind}.json\n"


def _schema(name: str, model: type[BaseModel]) -> Schema:
    found = model.model_json_schema(by_alias=True)
    _allow_removal(found)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": f"hubfleet {name}"}


def _allow_removal(node: JsonValue) -> None:
    """Let each entry of a map be `null`, which removes what a preset or default says."""
    if isinstance(node, list):
        for item in node:
            _allow_removal(item)
    elif isinstance(node, dict):
        for item in node.values():
            _allow_removal(item)
        entry = node.get("additionalProperties")
        if isinstance(entry, dict):
            node["additionalProperties"] = {"anyOf": [entry, {"type": "null"}]}
