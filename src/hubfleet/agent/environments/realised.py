"""What a realised environment's folder holds: the environment itself or, after a `postBuild`, that and files."""

import json
from dataclasses import dataclass
from pathlib import Path

from hubfleet._kit.files import write_atomic
from hubfleet.model.content import Content

_FACTS = "facts.json"


@dataclass(frozen=True)
class Realised:
    """Where the parts of an environment are."""

    prefix: Path
    """The environment, with its `bin` and `lib`."""
    seen_at: Path
    """Where a server has to see it, since its files name that path."""
    files: Path | None = None
    """The repository's files as `postBuild` left them; None: there was none."""
    repository: str = ""
    """Whose files these are."""
    commit: str = ""
    note: str = ""
    """What is to be said of it to whoever asked for it; empty: nothing."""

    @classmethod
    def at(cls, place: Path) -> "Realised":
        """Read what is in a complete environment's folder; blocks."""
        try:
            facts = json.loads((place / _FACTS).read_text())
        except FileNotFoundError:
            return cls(place, place)
        told = {name: str(facts[name]) for name in ("repository", "commit", "note")}
        return cls(place / "prefix", Path(facts["seen_at"]), place / "files", **told)

    @staticmethod
    def write(place: Path, *, seen_at: Path, repository: str, commit: str, note: str) -> None:
        """Note beside `prefix` and `files` what they are; blocks."""
        facts = {"seen_at": str(seen_at), "repository": repository, "commit": commit, "note": note}
        write_atomic(place / _FACTS, json.dumps(facts))

    def has(self, content: Content) -> bool:
        """Say whether its files are those of a repository at a commit."""
        return self.files is not None and (self.repository, self.commit) == (content.repository, content.commit)
