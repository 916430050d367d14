"""Checks what a hub says in JupyterHub's own words (`jupyterhub:`, scopes of `roles:`) without JupyterHub installed.

The table of names and kinds is made by scripts/jupyterhub_traits.py; a test compares it with the installed JupyterHub.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from pydantic import JsonValue

from hubfleet._kit.names import closest
from hubfleet.config.provenance import Provenance
from hubfleet.config.words import other_word
from hubfleet.errors import BadValueError, ConfigError, UnknownKeyError, Where
from hubfleet.hub.owned import CLASSES_OF_SIGN_IN, owner
from hubfleet.model.access import PROMOTE
from hubfleet.model.base import Message
from hubfleet.model.hub import Hub

ROLE_MIN = 3
"""Signs of a role's name, as JupyterHub asks for."""
_SECRET = re.compile(r"(?:secret|password|token|crypt_key|api_key)$")
_WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "text": "text",
    "class": "the name of a class",
    "enum": "a word or number",
    "bytes": "text",
    "map": "a map",
    "list": "a list",
    "null": "null",
}


class _Table(Message):
    """JupyterHub's settings, as the script writes them."""

    jupyterhub: str
    classes: dict[str, dict[str, list[str]]]
    scopes: list[str]


def check_traits(hub: Hub, provenance: Provenance) -> Iterator[ConfigError]:
    """Check a hub's `jupyterhub:`, and the names and scopes of its roles."""
    for class_name, traits in hub.jupyterhub.items():
        for trait, value in traits.items():
            where = provenance.where(hub.name, ("jupyterhub", class_name, trait))
            error = _class(class_name, hub, where) or _trait(class_name, trait, value, where)
            if error is not None:
                yield error
    for name, role in hub.roles.items():
        if len(name) < ROLE_MIN:
            where = provenance.where(hub.name, ("roles", name))
            yield BadValueError(f"the role's name {name!r} is too short", hint="it needs 3 signs", where=where)
        for number, scope in enumerate(role.scopes):
            if scope == PROMOTE and hub.features.builds:
                continue
            if scope.partition("!")[0] not in _table().scopes:
                yield _unknown_scope(scope, provenance.where(hub.name, ("roles", name, "scopes", str(number))))


def _class(name: str, hub: Hub, where: Where) -> ConfigError | None:
    classes = _table().classes
    if name not in classes:
        hint = other_word(name)
        meant = closest(name, classes)
        known = f"did you mean `{meant}`?" if meant else f"known classes: {', '.join(sorted(classes))}"
        return UnknownKeyError(f"JupyterHub has no class {name[:60]!r}", hint=hint or known, where=where)
    own = CLASSES_OF_SIGN_IN[hub.sign_in.kind]
    if name.endswith("Authenticator") and name not in {"Authenticator", *own}:
        return BadValueError(
            f"`{name}` has no effect, since the sign-in is `{hub.sign_in.kind}`",
            hint=f"use Authenticator or {', '.join(sorted(own))}",
            where=where,
        )
    return None


def _trait(class_name: str, trait: str, value: JsonValue, where: Where) -> ConfigError | None:
    kinds = _table().classes[class_name].get(trait)
    shown = f"{class_name}.{trait}"
    if kinds is None:
        meant = closest(trait, _table().classes[class_name])
        return UnknownKeyError(
            f"JupyterHub {_table().jupyterhub} has no setting `{shown[:80]}`",
            hint=f"did you mean `{meant}`?" if meant else "",
            where=where,
        )
    reason = owner(class_name, trait)
    if reason:
        return BadValueError(f"`{shown}` is hubfleet's own to set", hint=reason, where=where)
    if _SECRET.search(trait) and isinstance(value, str) and value:
        return BadValueError(
            f"`{shown}`: a secret in plain text",
            hint="read it from a file in a `python_file`, and make a new secret",
            where=where,
        )
    if kinds in (["python"], ["null", "python"]):
        return BadValueError(f"`{shown}` takes a Python function", hint="set it in a `python_file`", where=where)
    if not any(_fits(kind, value) for kind in kinds):
        wanted = " or ".join(dict.fromkeys(_WORDS[kind] for kind in kinds if kind in _WORDS))
        return BadValueError(f"`{shown}` must be {wanted}, not {json.dumps(value)[:60]}", where=where)
    return None


def _fits(kind: str, value: JsonValue) -> bool:
    if isinstance(value, bool):
        return kind in {"bool", "any"}
    types: dict[str, type | tuple[type, ...]] = {
        "int": int,
        "float": (int, float),
        "text": str,
        "class": str,
        "bytes": str,
        "enum": (str, int, float),
        "map": dict,
        "list": list,
        "null": type(None),
        "any": object,
    }
    return isinstance(value, types.get(kind, ()))


def _unknown_scope(scope: str, where: Where) -> ConfigError:
    if scope.partition("!")[0] == PROMOTE:
        hint = "write it without `!` and what follows" if "!" in scope else "write `features: {builds: true}`"
        return BadValueError(f"the scope `{scope[:60]}` has no effect here", hint=hint, where=where)
    meant = closest(scope.partition("!")[0], _table().scopes)
    return BadValueError(
        f"JupyterHub has no scope {scope[:60]!r}",
        hint=f"did you mean `{meant}`?" if meant else "JupyterHub's documentation lists all scopes",
        where=where,
    )


@cache
def _table() -> _Table:
    return _Table.model_validate_json((resources.files("hubfleet.hub") / "traits.json").read_bytes())
