"""The spawn page offers what policy allows, remembers, and asks for no more than what was posted."""

import re
from pathlib import Path

import pytest

from fleets import loaded
from hubfleet.hub import spawn_page
from hubfleet.model.document import HubDocument, NamedEnvironment, ProfileEnvironment
from hubfleet.model.hub import Hub
from hubfleet.policy.choices import Person

PROFILES = """
sign_in: {with: shared-password}
allow: {groups: [staff, guests]}
groups: {staff: [ana], guests: [sam]}
profiles:
  small: {options: {size: {title: Memory, choices: {two: {memory_gib: 2}, four: {memory_gib: 4}}}}}
  large: {title: "Large <b>", groups: [staff], memory_gib: 8}
"""
DIGEST = "0123456789abcdef" * 4
BUILDS = PROFILES + "features: {builds: true}\n"
ANA = Person("ana", frozenset({"staff"}))
SAM = Person("sam", frozenset({"guests"}))


def hub(folder: Path, text: str = PROFILES) -> Hub:
    return loaded(folder, hub=text).fleet.hubs["sea"]


def test_what_a_person_may_not_choose_is_no_choice_but_is_said(tmp_path: Path) -> None:
    """The reason stands on the page, the field does not."""
    page = spawn_page.render(hub(tmp_path), SAM, {})
    assert 'value="large"' not in page
    assert "only for the group staff" in page


def test_names_are_shown_inert(tmp_path: Path) -> None:
    """HTML in a title stays text."""
    page = spawn_page.render(hub(tmp_path), ANA, {})
    assert "<b>" not in page
    assert "Large &lt;b&gt;" in page


def test_the_last_choice_is_selected(tmp_path: Path) -> None:
    """What was asked for last time is checked and selected."""
    page = spawn_page.render(hub(tmp_path), ANA, {"profile": "small", "options": {"size": "four"}})
    assert 'value="four" selected' in page
    assert 'value="small" required checked' in page


def test_a_choice_that_is_no_longer_offered_is_passed_over(tmp_path: Path) -> None:
    """Who left the group gets the default selected."""
    page = spawn_page.render(hub(tmp_path), SAM, {"profile": "large"})
    assert 'value="small" required checked' in page


def test_a_posted_form_becomes_what_policy_checks(tmp_path: Path) -> None:
    """Answers of the chosen profile count, those of others do not."""
    form = {"profile": ["small"], "option-small-size": ["four"], "option-large-size": ["x"], "uid": ["0"]}
    assert spawn_page.parse(hub(tmp_path), ANA, form) == {"profile": "small", "options": {"size": "four"}}


def test_a_link_prefills_with_and_without_jupyterhubs_prefix() -> None:
    """Both spellings mean the same."""
    wanted = {"profile": "large", "options": {"size": "four"}}
    assert spawn_page.from_link({"profile": ["large"], "size": ["four"]}) == wanted
    assert spawn_page.from_link({"opt-profile": ["large"], "opt-size": ["four"]}) == wanted
    assert spawn_page.from_link({"opt-environment": [DIGEST]}) == {"environment": DIGEST, "options": {}}


def told(*named: tuple[str, str, str]) -> HubDocument:
    """Return a document with a digest, name and owner each."""
    return HubDocument(
        environments=tuple(
            NamedEnvironment(digest=digest, name=name, owner=owner, shared_with="everybody")
            for digest, name, owner in named
        )
    )


def test_an_environment_of_a_link_is_shown_short_with_the_way_back(tmp_path: Path) -> None:
    """It is selected, and the hub's own software is one choice away."""
    page = spawn_page.render(hub(tmp_path, BUILDS), ANA, spawn_page.from_link({"environment": [DIGEST]}))
    assert f'<option value="{DIGEST}" selected>The environment 0123456789ab<' in page
    assert '<option value="">The hub' in page


def test_environments_are_chosen_by_name(tmp_path: Path) -> None:
    """One's own and what others share; a link's or the last choice among them is selected, once."""
    document = told((DIGEST, "waves", "ana"), ("f" * 64, "tides <b>", "sam"))
    page = spawn_page.render(hub(tmp_path, BUILDS), ANA, {"environment": DIGEST}, document)
    assert f'<option value="{DIGEST}" dir="auto" selected>&#x2068;waves&#x2069;</option>' in page
    assert "&#x2068;tides &lt;b&gt;&#x2069; (of &#x2068;sam&#x2069;)</option>" in page
    assert page.index('label="Yours"') < page.index("waves") < page.index('label="Of this hub"') < page.index("tides")
    assert page.count(DIGEST) == 1
    assert " selected>" not in spawn_page.render(hub(tmp_path, BUILDS), ANA, {"profile": "large"}, document)


def test_a_hub_without_builds_asks_for_no_software(tmp_path: Path) -> None:
    """Whatever an old document says."""
    page = spawn_page.render(hub(tmp_path), ANA, {}, told((DIGEST, "waves", "ana")))
    assert "environment" not in page
    assert "/services/portal/environments?then=start" in spawn_page.render(hub(tmp_path, BUILDS), ANA, {})


@pytest.mark.parametrize(("text", "name"), [(PROFILES, DIGEST), (BUILDS, "<b>"), (BUILDS, DIGEST.upper())])
def test_an_environment_that_cannot_be_used_is_said_and_not_asked_for(tmp_path: Path, text: str, name: str) -> None:
    """A link to another hub's environment, or a cut one, never starts with other software in silence."""
    page = spawn_page.render(hub(tmp_path, text), ANA, spawn_page.from_link({"environment": [name]}))
    assert "The software that was asked for cannot be used" in page
    assert "The environment " not in page
    assert name not in page


def test_a_posted_environment_is_asked_for_and_none_is_not(tmp_path: Path) -> None:
    """Going back to the hub's own software posts an empty field."""
    form = {"profile": ["large"], "environment": [DIGEST]}
    assert spawn_page.parse(hub(tmp_path, BUILDS), ANA, form)["environment"] == DIGEST
    assert "environment" not in spawn_page.parse(hub(tmp_path, BUILDS), ANA, form | {"environment": [""]})


FILES = {"repository": "https://git.example.org/wave-tides", "commit": "a" * 40}
LINK = {"environment": [DIGEST], **{name: [value] for name, value in FILES.items()}}


def test_a_link_names_files_and_the_form_asks_where_to(tmp_path: Path) -> None:
    """Strangers' notebooks get an empty place, unless the person let that repository into the home before."""
    asked = spawn_page.from_link({**LINK, "open": ["<b>.ipynb"]})
    assert asked == {"environment": DIGEST, "content": {**FILES, "open": "<b>.ipynb"}, "options": {}}
    page = spawn_page.render(hub(tmp_path, BUILDS), ANA, asked)
    assert 'value="fresh" checked' in page
    assert "https://git.example.org/wave-tides" in page
    assert "<b>" not in page
    for before, where in (
        ({"content": FILES}, "own"),
        ({"content": {**FILES, "commit": "b" * 40}, "home": "own"}, "own"),
        ({"content": FILES, "home": "fresh"}, "fresh"),
        ({"content": FILES, "home": "beside"}, "own"),
        ({"content": {**FILES, "repository": "https://git.example.org/wave-tidez"}}, "fresh"),
    ):
        page = spawn_page.render(hub(tmp_path, BUILDS), ANA, asked, before=before)
        assert f'value="{where}" checked' in page


@pytest.mark.parametrize(
    ("where", "home", "content"),
    [
        ("fresh", "fresh", FILES),
        ("own", None, FILES),
        ("beside", "beside", FILES),
        ("none", None, None),
        ("", None, None),
    ],
)
def test_posted_files_become_what_policy_checks(
    tmp_path: Path, where: str, home: str | None, content: dict[str, str] | None
) -> None:
    """The fields that the form has are those that are read."""
    page = spawn_page.render(hub(tmp_path, BUILDS), ANA, spawn_page.from_link(LINK))
    fields = dict(re.findall(r'name="(content-\w+)" value="([^"]*)"', page))
    form = {"profile": ["small"], "files": [where], **{name: [value] for name, value in fields.items()}}
    asked = spawn_page.parse(hub(tmp_path, BUILDS), ANA, form)
    assert (asked.get("home"), asked.get("content")) == (home, content)


def test_files_that_cannot_be_are_not_asked_for(tmp_path: Path) -> None:
    """A damaged link leaves the rest of the form as it is; a hub without builds does not ask."""
    damaged = spawn_page.from_link({**LINK, "commit": ["main"]})
    assert "content-repository" not in spawn_page.render(hub(tmp_path, BUILDS), ANA, damaged)
    assert "content-repository" not in spawn_page.render(hub(tmp_path), ANA, spawn_page.from_link(LINK))


PROMOTED = HubDocument(profiles=(ProfileEnvironment(profile="small", digest=DIGEST, name="waves <b>"),))


def test_a_profile_says_which_environment_it_has(tmp_path: Path) -> None:
    """By name and the digest's beginning; the hub's own software is a choice beside it."""
    page = spawn_page.render(hub(tmp_path, BUILDS), ANA, {}, PROMOTED)
    assert page.count(f'Software: <bdi>waves &lt;b&gt;</bdi> <code title="{DIGEST}">{DIGEST[:12]}</code>') == 1
    assert '<option value="">That of the choice below</option>' in page
    assert '<option value="base">The hub\u2019s own software</option>' in page


def test_the_hubs_own_software_is_remembered_only_while_it_differs(tmp_path: Path) -> None:
    """Who chose it against the profile's has it selected; without promotions there is one choice for it."""
    found = hub(tmp_path, BUILDS)
    assert '<option value="base" selected>' in spawn_page.render(found, ANA, {"environment": "base"}, PROMOTED)
    page = spawn_page.render(found, ANA, {"environment": "base"})
    assert "base" not in page
    assert "cannot be used" not in page
    assert '<option value="">The hub\u2019s own software</option>' in page


def test_without_builds_nothing_promoted_is_shown(tmp_path: Path) -> None:
    """Whatever an old document says."""
    assert "Software" not in spawn_page.render(hub(tmp_path), ANA, {}, PROMOTED)
