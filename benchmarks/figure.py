"""One measured figure beside what it is compared with, and the table that they make."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

_COLUMNS = ("figure", "hubfleet", "instead", "ratio", "to hold", "")


@dataclass(frozen=True)
class Figure:
    """What was measured of hubfleet and, where there is such a thing, of what one would use in its place."""

    what: str
    ours: float
    unit: str
    theirs: float | None = None
    against: str = ""
    """What `theirs` was measured of."""
    hold: float | None = None
    """The limit that must hold: of the ratio ours/theirs where there is one to compare with, else of `ours`."""
    better: Literal["less", "more"] = "less"
    note: str = ""
    samples: Sequence[float] = field(default=(), compare=False)

    @property
    def ratio(self) -> float | None:
        """How many times theirs ours is."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def holds(self) -> bool | None:
        """Whether the limit holds; None without one."""
        if self.hold is None:
            return None
        value = self.ratio if self.ratio is not None else self.ours
        return value <= self.hold if self.better == "less" else value >= self.hold

    def as_json(self) -> dict[str, object]:
        return {
            "what": self.what,
            "hubfleet": self.ours,
            "instead": self.theirs,
            "against": self.against,
            "unit": self.unit,
            "ratio": self.ratio and round(self.ratio, 4),
            "hold": self.hold,
            "holds": self.holds,
            "note": self.note,
            "samples": list(self.samples),
        }

    def cells(self) -> tuple[str, ...]:
        """Return the row of a table."""
        instead = "" if self.theirs is None else f"{number(self.theirs)} {self.unit} ({self.against})"
        ratio = "" if self.ratio is None else f"{number(self.ratio)}x"
        limit = ""
        if self.hold is not None:
            sign, unit = ("≤" if self.better == "less" else "≥"), ("x" if self.ratio is not None else f" {self.unit}")
            limit = f"{sign} {self.hold:.3g}{unit}{': **missed**' if not self.holds else ''}"
        return (self.what, f"{number(self.ours)} {self.unit}", instead, ratio, limit, self.note)


def number(value: float) -> str:
    """Return a number with three significant digits, or whole."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def markdown(figures: Sequence[Figure]) -> str:
    """Return the table in Markdown, aligned for a terminal too."""
    rows = [_COLUMNS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
