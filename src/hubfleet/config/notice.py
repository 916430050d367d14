"""What is worth saying about a configuration that works."""

from dataclasses import dataclass

from hubfleet.errors import Where


@dataclass(frozen=True, order=True)
class Notice:
    """A warning: where, a code to search for, what, and what may be done."""

    where: Where
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.code}]"
