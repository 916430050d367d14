"""All that one directory of configuration describes."""

from hubfleet.model.base import StrictModel
from hubfleet.model.cluster import Cluster
from hubfleet.model.hub import Hub, HubFile
from hubfleet.model.text import HostName, Label, PersonName


class FleetFile(StrictModel):
    """What fleet.yaml says."""

    name: Label
    """The fleet's name; a part of its hubs' lasting ids, so it never changes."""
    domain: HostName = "localhost"
    """Hubs are at `<hub>.<domain>`; `localhost` works in every browser of the machine itself without DNS."""
    operators: tuple[PersonName, ...] = ()
    """Who runs the fleet: admins of every hub, by the names that sign-ins give them."""
    defaults: HubFile = HubFile()
    """Settings for all hubs, above their presets and below their own."""


class PresetFile(HubFile):
    """What presets/<name>.yaml says."""

    extends: str = ""
    """The preset that this one changes: education, research, event, or another of presets/."""


class Fleet(StrictModel):
    """A whole fleet, complete and checked; what plans are made from."""

    name: str
    """The fleet's name."""
    domain: str
    """Below which hubs have their addresses."""
    operators: tuple[str, ...] = ()
    """Admins of every hub; they are among each hub's `admins` already."""
    clusters: dict[str, Cluster] = {}
    """By name."""
    hubs: dict[str, Hub] = {}
    """By name, each staging twin right before its production hub."""
