"""Settings against their model: each of pydantic's findings becomes an error with file, line and what to write."""

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from hubfleet._kit.names import closest
from hubfleet._kit.yamlfile import Plain
from hubfleet.config.merge import Path, Setting
from hubfleet.config.words import unknown_keys
from hubfleet.errors import BadValueError, ConfigError

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "finite_number": "a number",
}
_LIMITS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def problems(error: ValidationError, tree: Setting, model: type[BaseModel]) -> list[tuple[Path, ConfigError]]:
    """Translate what pydantic found in a tree; with the path of each finding."""
    found: list[tuple[Path, ConfigError]] = []
    for detail in error.errors(include_url=False, include_input=False):
        path = _path(detail["loc"], tree)
        if detail["type"] == "extra_forbidden":
            setting = tree.nearest(path)
            found += [(path, said) for said in unknown_keys(path, setting, known_keys(model, path[:-1], tree))]
        else:
            found.append((path, _bad_value(detail["type"], detail.get("ctx", {}), detail["msg"], path, tree)))
    return found


def known_keys(annotation: object, path: Path, tree: Setting | None) -> set[str]:
    """Return the keys that may stand below a path of what a type describes."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {_key(name, field): field.annotation for name, field in annotation.model_fields.items()}
        if not _fits(annotation, tree):
            return set()
        return _deeper(fields.get(path[0]), path, tree) if path else set(fields)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return known_keys(inner[0], path, tree)
    if origin in (Union, UnionType):
        return {key for one in inner for key in known_keys(one, path, tree)}
    if origin in (dict, tuple) and path:
        return _deeper(inner[1 if origin is dict else 0], path, tree)
    return set()


def _deeper(annotation: object, path: Path, tree: Setting | None) -> set[str]:
    return known_keys(annotation, path[1:], tree.at(path[:1]) if tree else None)


def _fits(model: type[BaseModel], setting: Setting | None) -> bool:
    """Say whether a model of several is the one that the map's tag names."""
    field = model.model_fields.get("kind")
    tag = setting.at((_key("kind", field),)) if field is not None and setting is not None else None
    return tag is None or field is None or tag.value in get_args(field.annotation)


def _key(name: str, field: Any) -> str:
    return str(field.alias or name)


def _path(loc: tuple[int | str, ...], tree: Setting) -> Path:
    """Keep what a person wrote of pydantic's path, which also holds the tags and types of unions."""
    path: Path = ()
    for number, part in enumerate(loc):
        last = number == len(loc) - 1
        here = tree.at(path)
        if here is not None and isinstance(here.value, Mapping | tuple) and tree.at((*path, str(part))) is not None:
            path = (*path, str(part))
        elif last and isinstance(part, str) and part != "[key]" and here is not None and _may_miss(here, part):
            path = (*path, part)
    return path


def _may_miss(here: Setting, part: str) -> bool:
    return isinstance(here.value, Mapping) and part.isidentifier() and part not in {"SecretReference", "str"}


def _bad_value(kind: str, context: Mapping[str, Any], message: str, path: Path, tree: Setting) -> ConfigError:
    setting = tree.nearest(path)
    shown = ".".join(path) or "the file"
    found = tree.at(path)
    value = found.plain() if found is not None else None
    if kind in {"literal_error", "union_tag_invalid"}:
        return _not_one_of(context, shown, setting)
    text, hint = f"`{shown}`: {message[:1].lower()}{message[1:]}", ""
    if kind == "hubfleet":
        text, hint = f"`{shown}`: {context['message']}", context["hint"]
    elif kind == "missing":
        text, hint = f"`{shown}` is missing", f"add `{path[-1]}: …`" if path else ""
    elif kind in _WANTED:
        text, hint = f"`{shown}` must be {_WANTED[kind]}, not {_described(value)}", _advice(kind, value, path)
    elif kind in _LIMITS:
        words, key = _LIMITS[kind]
        text = f"`{shown}` must be {words} {context[key]:g}, not {_described(value)}"
    elif kind == "union_tag_not_found":
        text, hint = f"`{shown}` does not say which kind it is", "add `with: github`, or another kind of sign-in"
    elif kind in {"too_short", "string_too_short"}:
        text = f"`{shown}` is empty"
    elif kind == "string_too_long":
        text = f"`{shown}` must have at most {context['max_length']} characters"
    elif kind == "string_pattern_mismatch":
        text = f"`{shown}`: {_described(value)} does not have the right form"
    return BadValueError(text, hint=hint, where=setting.where)


def _not_one_of(context: Mapping[str, Any], shown: str, setting: Setting) -> ConfigError:
    tag = str(context.get("discriminator", "")).strip("'")
    if tag:
        shown, setting = f"{shown}.with", setting.at(("with",)) or setting
    known = str(context.get("expected") or context.get("expected_tags", "")).replace(" or ", ", ").replace("'", "")
    value = setting.plain()
    meant = closest(value, known.split(", ")) if isinstance(value, str) else None
    return BadValueError(
        f"`{shown}` must be one of {known}, not {_described(value)}",
        hint=f"did you mean `{meant}`?" if meant else "",
        where=setting.where,
    )


def _described(value: Plain) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else f"{value[:37]}…")
    return str(value)


def _advice(kind: str, value: Plain, path: Path) -> str:
    if (
        kind in {"bool_type", "model_type"}
        and isinstance(value, str)
        and value.lower() in {"yes", "no", "on", "off", "y", "n"}
    ):
        return f"write {'true' if value.lower() in {'yes', 'on', 'y'} else 'false'}"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'put it in quotes: "{_described(value)}"'
    if kind in {"float_type", "int_type"} and isinstance(value, str):
        if value.replace(".", "", 1).isdecimal():
            return f"write {value} without quotes"
        unit = path[-1].rpartition("_")[2] if path else ""
        units = {"gib": "GiB", "minutes": "minutes", "hours": "hours"}
        return f"a number of {units[unit]}, without a unit" if unit in units else ""
    if kind == "tuple_type":
        return f"write [{value}]" if isinstance(value, str) and len(value) <= 40 else "write [one, two]"
    return ""
