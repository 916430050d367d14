"""YAML as people write it, with the line of each key and value.

A strict YAML 1.2: what readers of YAML disagree about (duplicate keys, aliases, tags, numbers with a leading zero) is
an error that says what to write instead. Any bytes give a tree or `ConfigErrors`, never another exception, in memory
and time linear in the file's length.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from hubfleet.errors import BadValueError, ConfigError, ConfigErrors, Where

Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "Scalar | tuple[Plain, ...] | dict[str, Plain]"
"""A tree without places; lists are tuples, since nobody changes them."""

BYTES_MAX = 1_000_000
DEPTH_MAX = 40

_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_UNCLEAR = re.compile(r"[-+]?0[0-9_]+|0[xob][0-9a-fA-F_]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Tree:
    """A value and where its key (in a map), or it itself (in a list), is written."""

    where: Where
    value: "Scalar | tuple[Tree, ...] | Mapping[str, Tree]"

    def plain(self) -> Plain:
        """Return the value without places."""
        if isinstance(self.value, tuple):
            return tuple(item.plain() for item in self.value)
        if isinstance(self.value, Mapping):
            return {key: item.plain() for key, item in self.value.items()}
        return self.value


def read(path: Path, shown_as: str) -> Tree:
    """Read a file; `shown_as` is its name in places and errors.

    Raises:
        ConfigErrors: it cannot be read, or is not YAML of the kind above; all that can be said at once.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise ConfigErrors([ConfigError(f"cannot read it: {error.strerror}", where=Where(shown_as))]) from error
    return parse(raw, shown_as)


def parse(raw: bytes, shown_as: str) -> Tree:
    """Read bytes; an empty file is an empty map.

    Raises:
        ConfigErrors: as in `read`.
    """
    parser = _Parser(shown_as)
    try:
        tree = parser.tree(_decoded(raw, shown_as))
    except ConfigError as error:
        raise ConfigErrors([*parser.errors, error]) from error
    if parser.errors:
        raise ConfigErrors(parser.errors)
    return tree


def _decoded(raw: bytes, file: str) -> str:
    if len(raw) > BYTES_MAX:
        raise BadValueError(
            f"larger than {BYTES_MAX // 1_000_000} MB", hint="split it, or check what it is", where=Where(file)
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadValueError("not UTF-8 text", hint="save the file as UTF-8", where=Where(file, line)) from error


@dataclass(slots=True)
class _Open:
    """A map or list whose end has not come yet."""

    where: Where
    items: "dict[str, Tree] | list[Tree]"
    key: str | None = None
    key_where: Where | None = None


class _Parser:
    """Turns parser events into a tree with a stack of its own, so that no depth of nesting can exhaust Python's."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[ConfigError] = []
        self._stack: list[_Open] = []
        self._root: Tree | None = None

    def tree(self, text: str) -> Tree:
        documents = 0
        for event in self._events(text):
            where = Where(self.file, event.start_mark.line + 1)
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise BadValueError(
                        "a second document begins here", hint="one file holds one; remove `---`", where=where
                    )
            elif isinstance(event, AliasEvent | ScalarEvent | MappingStartEvent | SequenceStartEvent):
                self._value(event, where)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                done = self._stack.pop()
                items = done.items if isinstance(done.items, dict) else tuple(done.items)
                self._place(Tree(done.where, items))
        if self._root is None or self._root.value is None:
            return Tree(Where(self.file, 1), {})
        return self._root

    def _events(self, text: str) -> Iterator[Any]:
        try:
            yield from YAML(typ="safe", pure=True).parse(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise _syntax(error, Where(self.file, mark.line + 1 if mark else 0)) from error
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise BadValueError(
                "a character that YAML does not allow (a control character, perhaps from a copy)",
                hint="delete it, or write it as an escape in double quotes",
                where=Where(self.file, line),
            ) from error
        except (YAMLError, ValueError, OverflowError) as error:
            raise BadValueError(f"not readable as YAML: {error}", where=Where(self.file)) from error

    def _value(self, event: Any, where: Where) -> None:
        top = self._stack[-1] if self._stack else None
        if top and isinstance(top.items, dict) and top.key is None:
            top.key, top.key_where = self._key(event, where, top.items), where
            if not isinstance(event, MappingStartEvent | SequenceStartEvent):
                return
        if top and top.key_where:
            where = top.key_where
        self._refuse_cleverness(event, where)
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            if len(self._stack) >= DEPTH_MAX:
                raise BadValueError(f"nested deeper than {DEPTH_MAX} levels", where=where)
            self._stack.append(_Open(where, {} if isinstance(event, MappingStartEvent) else []))
        else:
            self._place(Tree(where, self._scalar(event, where) if isinstance(event, ScalarEvent) else None))

    def _key(self, event: Any, where: Where, siblings: "dict[str, Tree]") -> str:
        if not isinstance(event, ScalarEvent):
            raise BadValueError("a key must be a word", hint="quote it, or check brackets and braces", where=where)
        self._refuse_cleverness(event, where)
        key = str(event.value)
        if event.style is None and not isinstance(self._scalar(event, where), str):
            self.errors.append(
                BadValueError(f"the key {_short(key)} is not a word", hint=f'write "{_short(key)}": …', where=where)
            )
        if key in siblings:
            self.errors.append(
                BadValueError(
                    f"the key {_short(key)!r} is written twice",
                    hint=f"the first one is in line {siblings[key].where.line}; keep one of them",
                    where=where,
                )
            )
        return key

    def _place(self, tree: Tree) -> None:
        if not self._stack:
            self._root = tree
            return
        top = self._stack[-1]
        if isinstance(top.items, list):
            top.items.append(tree)
        elif top.key is not None:
            top.items[top.key] = tree
            top.key = top.key_where = None

    def _refuse_cleverness(self, event: Any, where: Where) -> None:
        """Note anchors, aliases and tags: presets carry the sharing, and an alias can blow a small file up."""
        if event.anchor is not None:
            sign = "*" if isinstance(event, AliasEvent) else "&"
            self.errors.append(
                BadValueError(
                    f"anchors and aliases ({sign}{_short(event.anchor)}) are not read",
                    hint="write the value out, or put what hubs share into a preset",
                    where=where,
                )
            )
        elif getattr(event, "tag", None) is not None:
            self.errors.append(
                BadValueError(f"tags ({_short(str(event.tag))}) are not read", hint="remove the tag", where=where)
            )

    def _scalar(self, event: Any, where: Where) -> Scalar:
        text = str(event.value)
        if event.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _UNCLEAR.fullmatch(text) or (len(text) > 25 and _FLOAT.fullmatch(text)):
            self.errors.append(
                BadValueError(
                    f"{_short(text)} is read as different numbers by different programs",
                    hint=f'write a plain number, or "{_short(text)}" in quotes where it is a word',
                    where=where,
                )
            )
            return 0
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        return text


def _syntax(error: MarkedYAMLError, where: Where) -> BadValueError:
    problem = str(error.problem or error.context or "not YAML")
    hint = ""
    if "'\\t'" in problem:
        problem, hint = "a tab where YAML wants spaces", "indent with spaces"
    elif "mapping values are not allowed" in problem:
        hint = 'put text that holds ": " in quotes, and check the indentation'
    elif "could not find expected ':'" in problem:
        hint = "each line of a map is `key: value`"
    elif "block end" in problem:
        hint = "check the indentation of this line and the one before"
    elif "cannot start any token" in problem:
        hint = "put text that begins with this character in quotes"
    return BadValueError(problem, hint=hint, where=where)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}…"
