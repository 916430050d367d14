"""What people may choose."""

from dataclasses import replace

import pytest

from hubfleet.errors import ChoiceError
from hubfleet.model.features import Features
from hubfleet.model.hub import Hub
from hubfleet.model.overrides import Overrides
from hubfleet.policy.choices import Choices, Person, choices
from hubfleet.policy.validate import validate

NOBODY_SET_ANYTHING = Overrides()
SAM = Person("sam")
ANA = Person("ana", frozenset({"staff"}))
ADA = Person("ada", admin=True)

HUB = Hub.model_validate(
    {
        "name": "sea",
        "title": "Sea",
        "cluster": "here",
        "servers_on": ("here", "west"),
        "sign_in": {"with": "shared-password"},
        "user_subdomains": True,
        "host": "sea.localhost",
        "url": "http://sea.localhost",
        "profiles": {
            "standard": {
                "cpu_guarantee": 0.5,
                "variables": {"A": "profile", "B": "profile"},
                "default_url": "/lab/tree/start.ipynb",
                "options": {
                    "size": {
                        "title": "Memory",
                        "choices": {
                            "small": {"memory_gib": 1},
                            "big": {"title": "8 GiB", "memory_gib": 8, "groups": ("staff",)},
                        },
                    },
                    "speed": {"choices": {"slow": {"cpu": 0.25}, "fast": {"cpu": 4, "variables": {"B": "fast"}}}},
                },
            },
            "large": {
                "title": "Large",
                "groups": ("staff",),
                "clusters": ("west",),
                "memory_gib": 32,
                "app": "notebook",
            },
        },
    }
)

BUILDS = HUB.model_copy(update={"features": Features(builds=True)})
DIGEST = "0123456789abcdef" * 4
OTHER = "cd" * 32


def _for(person: Person, overrides: Overrides = NOBODY_SET_ANYTHING) -> Choices:
    return choices(HUB, overrides, person)


def test_a_person_is_offered_what_the_groups_allow() -> None:
    """The refused stay, with a reason."""
    offered = {offer.name: offer.refused for offer in _for(SAM).profiles}
    assert offered == {"standard": "", "large": "only for the group staff"}


@pytest.mark.parametrize("person", [ANA, ADA])
def test_members_and_admins_are_offered_all(person: Person) -> None:
    """Groups open profiles, and admins need none."""
    assert [offer.name for offer in _for(person).allowed()] == ["standard", "large"]


def test_choices_have_reasons_too() -> None:
    """An option's answer may be limited to a group."""
    standard = _for(SAM).profile("standard")
    assert standard is not None
    assert [(choice.title, choice.refused) for choice in standard.options[0].choices] == [
        ("Small", ""),
        ("8 GiB", "only for the group staff"),
    ]


def test_a_profile_says_where_it_runs() -> None:
    """A cluster that is not for a profile has a reason."""
    large = _for(ANA).profile("large")
    assert large is not None
    assert [(cluster.name, cluster.refused) for cluster in large.clusters] == [
        ("here", "runs on west only"),
        ("west", ""),
    ]


def test_a_hidden_profile_is_for_admins_only() -> None:
    """What the console hides is refused with its reason."""
    overrides = Overrides(hidden_profiles=("standard",))
    assert "do not offer it" in _for(SAM, overrides).profiles[0].refused
    assert _for(ADA, overrides).profiles[0].refused == ""


def test_the_default_is_the_first_that_is_allowed() -> None:
    """A hidden first profile is no default, and nothing allowed is none."""
    assert _for(ANA, Overrides(hidden_profiles=("standard",))).default == "large"
    assert _for(SAM, Overrides(hidden_profiles=("standard",))).default == ""


def test_the_consoles_default_holds_for_who_may_choose_it() -> None:
    """Others get the first."""
    overrides = Overrides(default_profile="large")
    assert (_for(ANA, overrides).default, _for(SAM, overrides).default) == ("large", "standard")


def test_no_answers_mean_the_defaults() -> None:
    """An empty request starts the default server."""
    chosen = validate(HUB, NOBODY_SET_ANYTHING, SAM, {})
    assert (chosen.profile, chosen.cluster, dict(chosen.options)) == (
        "standard",
        "here",
        {"size": "small", "speed": "slow"},
    )
    assert (chosen.resources.memory_gib, chosen.title) == (1, "Standard, Small, Slow")


def test_answers_lie_over_the_profile() -> None:
    """A choice's values win; what it does not say stays."""
    chosen = validate(HUB, NOBODY_SET_ANYTHING, ANA, {"options": {"size": "big", "speed": "fast"}})
    assert (chosen.resources.memory_gib, chosen.resources.cpu) == (8, 4)
    assert chosen.variables == {"A": "profile", "B": "fast"}
    assert chosen.default_url == "/lab/tree/start.ipynb"


def test_a_guarantee_never_exceeds_its_limit() -> None:
    """A choice that lowers the limit lowers the guarantee."""
    assert validate(HUB, NOBODY_SET_ANYTHING, SAM, {}).resources.cpu_guarantee == 0.25


def test_the_only_cluster_that_fits_is_chosen() -> None:
    """A profile for one cluster runs there without being asked."""
    chosen = validate(HUB, NOBODY_SET_ANYTHING, ANA, {"profile": "large"})
    assert (chosen.cluster, chosen.app) == ("west", "notebook")


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"profile": "large"}, "profile", "only for the group staff"),
        ({"profile": "larg"}, "profile", "no profile 'larg'"),
        ({"profile": 3}, "profile", "must be a name"),
        ({"profile": ["large"]}, "profile", "must be a name"),
        ({"cluster": "moon"}, "cluster", "do not run on 'moon'"),
        ({"options": {"size": "big"}}, "options.size", "only for the group staff"),
        ({"options": {"size": "huge"}}, "options.size", "no choice 'huge'"),
        ({"options": {"colour": "red"}}, "options.colour", "has no option"),
        ({"options": {"size": {"memory_gib": 99}}}, "options.size", "must be a name"),
        ({"options": "size"}, "options", "must be a map"),
        ({"memory_gib": 99}, "memory_gib", "no 'memory_gib' to choose"),
    ],
)
def test_a_wrong_answer_names_its_field_and_the_reason(asked: dict[str, object], field: str, words: str) -> None:
    """Whoever writes requests by hand gets the same answers as the form."""
    with pytest.raises(ChoiceError) as caught:
        validate(HUB, NOBODY_SET_ANYTHING, SAM, asked)
    assert caught.value.field == field
    assert words in caught.value.message


def test_an_environment_takes_the_place_of_the_profiles_software() -> None:
    """Everything else is as the profile has it."""
    plain, chosen = (validate(BUILDS, NOBODY_SET_ANYTHING, SAM, asked) for asked in ({}, {"environment": DIGEST}))
    assert chosen == replace(plain, environment=DIGEST)


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_environment_is_the_profiles_software(nothing: str | None) -> None:
    """What the form posts for the hub's own software is never an error, with the feature or without it."""
    for hub in (HUB, BUILDS):
        assert validate(hub, NOBODY_SET_ANYTHING, SAM, {"environment": nothing}).environment == "base"


@pytest.mark.parametrize(
    ("hub", "environment", "words"),
    [
        (HUB, DIGEST, "its own software only"),
        (BUILDS, DIGEST.upper(), "64 digits"),
        (BUILDS, DIGEST + "0", "64 digits"),
        (BUILDS, "../" + DIGEST[3:], "64 digits"),
        (BUILDS, [DIGEST], "must be a name"),
    ],
)
def test_an_environment_that_cannot_be_is_refused(hub: Hub, environment: object, words: str) -> None:
    """Admins too: what a hub does not do, it does for nobody."""
    with pytest.raises(ChoiceError, match=words) as caught:
        validate(hub, NOBODY_SET_ANYTHING, ADA, {"environment": environment})
    assert caught.value.field == "environment"


def test_nothing_to_choose_tells_all_reasons() -> None:
    """A person without any profile learns why."""
    with pytest.raises(ChoiceError) as caught:
        validate(HUB, Overrides(hidden_profiles=("standard",)), SAM, {})
    assert "only for the group staff" in caught.value.hint


@pytest.mark.parametrize(
    ("hub", "asked", "has"),
    [
        (BUILDS, {}, DIGEST),
        (BUILDS, {"profile": "large"}, "base"),
        (BUILDS, {"environment": OTHER}, OTHER),
        (BUILDS, {"environment": "base"}, "base"),
        (HUB, {}, "base"),
        (HUB, {"environment": "base"}, "base"),
    ],
)
def test_a_profile_has_what_was_promoted_to_it(hub: Hub, asked: dict[str, str], has: str) -> None:
    """Unless the person asks for another, or for the hub's own; without builds nothing counts that was promoted."""
    assert validate(hub, Overrides(environments={"standard": DIGEST}), ADA, asked).environment == has
