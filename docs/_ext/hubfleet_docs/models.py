"""Models of the code as Markdown: a section each, their keys with type, default and meaning."""

import inspect
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hubfleet_docs.types import default_of, described


def sections(
    root: type[BaseModel], *, prefix: str, level: int = 2, skip: frozenset[type[BaseModel]] = frozenset()
) -> str:
    """Return sections for a model and for all models within it.

    Args:
        root: the first one.
        prefix: put before anchors, since models share names between pages.
        level: of the headings.
        skip: models that have a section elsewhere on the page.
    """
    found = [model for model in within(root) if model not in skip]
    return "\n".join(_section(model, prefix, level) for model in found)


def anchor(model: type[BaseModel], prefix: str) -> str:
    """Return the anchor of a model's section."""
    return f"{prefix}-{model.__name__.lower()}"


def key_name(name: str, field: FieldInfo) -> str:
    """Return a key as it is written in files."""
    return field.alias or name


def cleaned(text: str | None) -> str:
    """Return a docstring on one line."""
    parts = " ".join((text or "").split()).split("`")
    return "`".join(part if number % 2 else part.replace("<", "\\<") for number, part in enumerate(parts))


def spoken(name: str) -> str:
    """Return a class's name as words: `OpenIdConnect` -> `Open id connect`."""
    words = "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()
    return words[:1].upper() + words[1:]


def heading(model: type[BaseModel]) -> str:
    """Return a section's heading; kinds that are told apart by `with:` say it."""
    if model.__name__.endswith("File") and "path" not in model.model_fields:
        return "Keys of the file" if model.__name__ != "HubFile" else "Keys of a hub's file"
    kind = model.model_fields.get("kind")
    if kind is not None and kind.alias == "with":
        return f"`with: {get_args(kind.annotation)[0]}`"
    return spoken(model.__name__)


def fallback(name: str) -> str:
    """Return what is said of a key whose name says all."""
    return f"The {name.replace('_', ' ')}."


def _section(model: type[BaseModel], prefix: str, level: int) -> str:
    lines = [f"({anchor(model, prefix)})=", f"{'#' * level} {heading(model)}", ""]
    lines += [_intro(model), ""]

    def link(other: type[BaseModel]) -> str:
        return f"[{heading(other)}](#{anchor(other, prefix)})"

    for name, field in model.model_fields.items():
        lines.append(f"`{key_name(name, field)}`")
        lines.append(f": {cleaned(field.description) or fallback(name)}")
        lines.append(f"  <br>*{described(field, link)}; {default_of(field)}*")
        lines.append("")
    return "\n".join(lines)


def _intro(model: type[BaseModel]) -> str:
    return cleaned(inspect.getdoc(model))


def within(root: type[BaseModel]) -> list[type[BaseModel]]:
    """Return a model and all models in its fields, each once."""
    found: list[type[BaseModel]] = []
    waiting = [root]
    while waiting:
        model = waiting.pop(0)
        if model in found:
            continue
        found.append(model)
        waiting += [
            item
            for field in model.model_fields.values()
            for part in (field.annotation, *field.metadata)
            for item in _models(part)
        ]
    return found


def _models(kind: object) -> Iterator[type[BaseModel]]:
    kind = getattr(kind, "json_schema_input_type", kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for item in get_args(kind):
        yield from _models(item)
    for item in getattr(kind, "__metadata__", ()):
        yield from _models(getattr(item, "json_schema_input_type", None))
