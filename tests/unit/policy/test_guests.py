"""What people who do not sign in may choose: one size of server, an empty home, nothing that others share."""

import pytest

from hubfleet.errors import ChoiceError
from hubfleet.hub.requests import shared_folders
from hubfleet.model.features import Features
from hubfleet.model.home import SharedFolder
from hubfleet.model.hub import Hub
from hubfleet.model.overrides import Overrides
from hubfleet.policy.choices import Person, choices
from hubfleet.policy.validate import validate
from unit.policy.test_choices import HUB, SAM

GUEST = Person("anonymous-1", guest=True)
NOTHING = Overrides()
CONTENT = {"repository": "https://git.test/ann/waves", "commit": "c" * 40}


def open_hub(**builds: object) -> Hub:
    """Return a hub with temporary servers, whose second profile is for everybody too."""
    profiles = {**HUB.profiles, "small": HUB.profiles["standard"]}
    features = Features.model_validate({"builds": {"anonymous": {"profile": "small"}, **builds}})
    return HUB.model_copy(update={"features": features, "profiles": profiles})


def test_a_guest_gets_the_profile_of_the_hubs_file() -> None:
    """And no other one, with a reason; whoever signs in chooses as before."""
    assert [offer.name for offer in choices(open_hub(), NOTHING, GUEST).allowed()] == ["small"]
    with pytest.raises(ChoiceError, match="only for people who sign in"):
        validate(open_hub(), NOTHING, GUEST, {"profile": "standard"})
    assert [offer.name for offer in choices(open_hub(), NOTHING, SAM).allowed()] == ["standard", "small"]


def test_without_the_mode_there_is_nothing_for_a_guest() -> None:
    """Whether the hub has builds or not."""
    for hub in (HUB, HUB.model_copy(update={"features": Features.model_validate({"builds": True})})):
        assert choices(hub, NOTHING, GUEST).allowed() == ()


def test_a_guest_has_no_lasting_home() -> None:
    """Neither by default nor by asking."""
    assert validate(open_hub(), NOTHING, GUEST, {}).files.fresh_home
    with pytest.raises(ChoiceError, match="no lasting home"):
        validate(open_hub(), NOTHING, GUEST, {"home": "own"})


def test_a_guest_sees_no_shared_folder() -> None:
    """Not even one that is for everybody of the hub."""
    hub = open_hub().model_copy(update={"shared_folders": {"pool": SharedFolder()}})
    assert [folder.name for folder in shared_folders(hub, SAM)] == ["pool"]
    assert shared_folders(hub, GUEST) == []


@pytest.mark.parametrize("key", ["repositories", "blocked_repositories"])
def test_files_of_a_repository_that_the_hub_does_not_take(key: str) -> None:
    """Are had by nobody, however a start is asked for."""
    hub = open_hub(**{key: ["https://git.test/ann/*"]})
    other = {**CONTENT, "repository": "https://git.test/bob/waves"}
    taken, refused = (CONTENT, other) if key == "repositories" else (other, CONTENT)
    for person in (GUEST, SAM):
        assert validate(hub, NOTHING, person, {"content": taken}).files.content is not None
        with pytest.raises(ChoiceError, match="does not take this repository"):
            validate(hub, NOTHING, person, {"content": refused})
