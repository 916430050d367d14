"""What a hub's admins set in the console, within limits; kept by the portal and applied at run time."""

from hubfleet.model.base import StrictModel
from hubfleet.model.text import Label


class Overrides(StrictModel):
    """Settings of the console that change what people may choose."""

    hidden_profiles: tuple[Label, ...] = ()
    """Profiles that nobody but admins is offered just now."""
    default_profile: Label | None = None
    """The profile that the form selects for who has not chosen yet; None: the first."""
    environments: dict[Label, str] = {}
    """The digest that starts with a profile get, by profile, in place of its own environment."""
