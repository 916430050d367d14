"""A hub or cluster between its files and its model: what could be read of it, and what was wrong with the rest."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from hubfleet.config import support
from hubfleet.config.merge import Path, Setting
from hubfleet.config.validate import problems
from hubfleet.errors import ConfigError, Where
from hubfleet.model.base import StrictModel

Model = TypeVar("Model", bound=StrictModel)


@dataclass
class Draft(Generic[Model]):
    """Settings with their places."""

    name: str
    tree: Setting
    settings: Model
    """What is right of the settings; the built-in default stands for each key in `broken`."""
    broken: frozenset[str]
    """Top-level keys with an error in them, about which nothing more is said."""
    errors: list[ConfigError] = field(default_factory=list)
    twin_of: str = ""

    def where(self, *path: str) -> Where:
        """Return the line of a setting, or of the nearest thing written around it."""
        return self.tree.nearest(path).where

    def sound(self, *keys: str) -> bool:
        """Say whether nothing is wrong so far with these keys."""
        return self.broken.isdisjoint(keys)


def draft(
    name: str, tree: Setting, model: type[Model], table: tuple[support.Unsupported, ...], fallback: Model
) -> Draft[Model]:
    """Check settings against what is supported and against their model; never raises.

    `fallback` stands for settings of which nothing can be used.
    """
    findings = support.find(tree, table)
    errors: list[ConfigError] = list(findings.errors)
    broken = {path[0] for path in findings.paths if any(error.where == tree.nearest(path).where for error in errors)}
    supported = _without(tree, findings.paths)
    try:
        settings = model.model_validate(supported.plain(), strict=True)
    except ValidationError as error:
        errors += [found for path, found in problems(error, supported, model) if path not in findings.paths]
        broken |= {str(detail["loc"][0]) for detail in error.errors(include_url=False) if detail["loc"]}
        settings = _what_is_right(supported.without(*broken), model, fallback)
    return Draft(name, tree, settings, frozenset(broken), errors)


def _what_is_right(tree: Setting, model: type[Model], fallback: Model) -> Model:
    try:
        return model.model_validate({**_own(fallback), **_map(tree)}, strict=True)
    except ValidationError:
        return fallback


def _own(model: BaseModel) -> dict[str, object]:
    return {key: getattr(model, key) for key in model.model_fields_set}


def _map(tree: Setting) -> dict[str, object]:
    plain = tree.plain()
    return dict(plain) if isinstance(plain, dict) else {}


def _without(tree: Setting, paths: tuple[Path, ...]) -> Setting:
    for path in paths:
        tree = _cut(tree, path)
    return tree


def _cut(tree: Setting, path: Path) -> Setting:
    if len(path) == 1:
        return tree.without(path[0])
    inner = tree.at(path[:1])
    return tree if inner is None else tree.having(path[0], _cut(inner, path[1:]))
