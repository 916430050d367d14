"""When servers that nobody uses are stopped."""

from typing import Annotated

from pydantic import Field

from hubfleet.model.base import StrictModel


class Culling(StrictModel):
    """Limits after which a server is stopped; homes and files stay."""

    idle_minutes: Annotated[int, Field(ge=0, le=100_000)] = 60
    """Minutes without activity, z2jh's default; 0: never. At least 10, since servers report activity every 5."""
    max_age_hours: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Hours after which a server is stopped even in use; 0: never."""
