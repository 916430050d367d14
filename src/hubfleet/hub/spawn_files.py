"""The spawn page's question for a repository's files: what a link or an earlier start names, and what is posted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from hubfleet.model.content import Content
from hubfleet.policy.content import BESIDE, FRESH, OWN

NONE = "none"
FIELDS = tuple(Content.model_fields)


@dataclass(frozen=True)
class Question:
    """A repository's files that are offered, and where they would go if their person says nothing else."""

    content: Content
    where: str
    """`own`, `beside`, `fresh` or `none`."""


def from_link(given: dict[str, str]) -> dict[str, object]:
    """Take what a link says of files out of its query, and return it as `content` and `home`."""
    content = {name: given.pop(name) for name in FIELDS if name in given}
    home = given.pop("home", "")
    return ({"content": content} if content else {}) | ({"home": home} if home else {})


def parse(form: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """Return what a posted form asks for."""
    where = _first(form, "files")
    content = {name: value for name in FIELDS if (value := _first(form, f"content-{name}"))}
    asked: dict[str, object] = {"home": where} if where in {BESIDE, FRESH} else {}
    return asked | ({"content": content} if content and where in {OWN, BESIDE, FRESH} else {})


def question(asked: Mapping[str, object], before: Mapping[str, object]) -> Question | None:
    """Return the question; None: there is nothing to ask.

    A repository that its person has not let into the home before gets an empty place by default: its notebooks can do
    whatever their person can.

    Args:
        asked: of what a link or the last start asks for; what of it cannot be is passed over.
        before: what the last start of this server asked for.
    """
    content = _content(asked)
    if content is None:
        return None
    known = _content(before)
    trusted = known is not None and known.repository == content.repository and before.get("home") != FRESH
    wished = asked.get("home", OWN)
    return Question(content, str(wished) if trusted and wished in {OWN, BESIDE} else FRESH)


def _content(asked: Mapping[str, object]) -> Content | None:
    try:
        return Content.model_validate(asked.get("content"))
    except ValidationError:
        return None


def _first(form: Mapping[str, Sequence[str]], name: str) -> str:
    return str((form.get(name) or [""])[0])
