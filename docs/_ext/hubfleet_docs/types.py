"""What a field of a model may hold, in words for the reference pages."""

import types
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Interval, Le, Lt, MinLen
from pydantic import BaseModel, BeforeValidator, JsonValue, SecretStr
from pydantic.fields import FieldInfo

from hubfleet.model import cluster, text

Link = Callable[[type[BaseModel]], str]

_NAMED: tuple[tuple[object, str], ...] = (
    (text.Label, "name"),
    (text.PersonName, "person"),
    (text.GroupName, "group"),
    (text.HostName, "host name"),
    (text.VariableName, "name of a variable"),
    (text.VariableText, "text or whole number"),
    (text.Colour, "colour as `#rrggbb`"),
    (text.FleetPath, "path in the fleet's folder"),
    (text.UrlPath, "path of a URL"),
    (text.WebAddress, "web address"),
)
_WORDS: dict[object, str] = {get_args(alias)[1].func: word for alias, word in _NAMED}
_WORDS[cluster._listen] = "address and port"
_WORDS[cluster._uids] = "range of user ids"
_PLAIN: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    SecretStr: "text",
    JsonValue: "any value",
    Any: "any value",
}
_CLASSES = {
    "IPvAnyAddress": "IP address",
    "IPvAnyNetwork": "IP network",
    "IPv4Address": "IPv4 address",
    "IPv4Network": "IPv4 network",
    "Path": "path",
}


def described(field: FieldInfo, link: Link) -> str:
    """Return what a field may hold."""
    return _described(field.annotation, link, field.metadata)


def default_of(field: FieldInfo) -> str:
    """Return a field's default, or that it has none."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "not set"
    if value in ((), [], {}):
        return "none"
    if value == "":
        return "empty"
    return f"default {_shown(value)}"


def _shown(value: object) -> str:
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, dict) and any(isinstance(item, BaseModel) for item in value.values()):
        return f"one named {', '.join(f'`{name}`' for name in value)}"
    if isinstance(value, tuple | list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{_plain(value)}`"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _described(kind: Any, link: Link, metadata: Any = ()) -> str:
    for item in metadata:
        if isinstance(item, BeforeValidator) and item.func not in _WORDS:
            wanted = item.json_schema_input_type
            if isinstance(wanted, type) or get_origin(wanted) is not None:
                return _described(wanted, link)
        found = _WORDS.get(getattr(item, "func", None))
        if found:
            return found
    return _bare(kind, link) + _limits(metadata)


def _bare(kind: Any, link: Link) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        words = _PLAIN[kind]
    elif hasattr(kind, "__value__"):
        words = _described(kind.__value__, link)
    elif origin is Annotated:
        words = _described(arguments[0], link, kind.__metadata__)
    elif origin is Literal:
        words = _either([f"`{value}`" for value in arguments])
    elif origin in {Union, types.UnionType}:
        known = list(dict.fromkeys(_described(item, link) for item in arguments if item is not type(None)))
        words = _either(known)
    elif origin is not None:
        words = _collection(origin, arguments, link)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        words = link(kind)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        words = _either([f"`{item.value}`" for item in kind])
    else:
        words = _CLASSES.get(kind.__name__, kind.__name__)
    return words


def _collection(origin: Any, arguments: tuple[Any, ...], link: Link) -> str:
    if origin is dict:
        return f"map from {_described(arguments[0], link)} to {_described(arguments[1], link)}"
    if len(arguments) == 2 and arguments[1] is not Ellipsis:
        return "list of two: " + ", ".join(_described(item, link) for item in arguments)
    return f"list of {_many(_described(arguments[0], link))}"


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _many(words: str) -> str:
    """Return words in the plural, as far as these pages need it."""
    irregular = {"person": "people", "text": "texts", "web address": "web addresses", "IPv4 address": "IPv4 addresses"}
    first, comma, rest = words.partition(",")
    if first.startswith(("[", "`", "map", "list")) or " or " in first:
        return words
    return f"{irregular.get(first, f'{first}s')}{comma}{rest}"


def _limits(metadata: Any) -> str:
    found = []
    for item in metadata:
        parts = item if isinstance(item, Interval) else [item]
        for part in parts if not isinstance(item, Interval) else [Ge(item.ge), Le(item.le)]:
            match part:
                case Ge(ge=value):
                    found.append(f"at least {_number(value)}")
                case Gt(gt=value):
                    found.append(f"above {_number(value)}")
                case Le(le=value):
                    found.append(f"at most {_number(value)}")
                case Lt(lt=value):
                    found.append(f"below {_number(value)}")
                case MinLen(min_length=value) if value == 1:
                    found.append("not empty")
                case FieldInfo():
                    return _limits(part.metadata)
    return f", {', '.join(found)}" if found else ""


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
