"""Temporary servers for strangers are refused where they would reach what is not theirs."""

from pathlib import Path

import pytest

from fleets import HUB, errors, loaded, only_error

OPEN = "features: {builds: {anonymous: true}}\n"
SECRET = "{variables: {KEY: {env: KEY_OF_OURS}}}"


@pytest.mark.parametrize(
    ("hub", "words"),
    [
        ("user_subdomains: false\n" + OPEN, "could act as whoever is signed in"),
        ("groups: {crew: [ann]}\nprofiles: {standard: {groups: [crew]}}\n" + OPEN, "all profiles are for groups only"),
        (f"profiles: {{standard: {SECRET}}}\n" + OPEN, "would show the secret KEY"),
        (
            f"profiles: {{standard: {{options: {{o: {{choices: {{a: {{}}, b: {SECRET}}}}}}}}}}}\n" + OPEN,
            "would show the secret KEY",
        ),
        ("features: {builds: {anonymous: {profile: smal}}}\n", "no profile named 'smal'"),
        (
            "groups: {crew: [ann]}\nprofiles: {big: {groups: [crew]}}\n"
            "features: {builds: {anonymous: {profile: big}}}\n",
            "the profile 'big' is for groups only",
        ),
        ("admins: [anonymous-3]\n", "is a temporary user's name"),
        ("features: {builds: {anonymous: {idle_minutes: 5}}}\n", "at least 10"),
        ("features: {builds: {anonymous: {servers: 101}}}\n", "at most 100"),
        ("features: {builds: {anonymous: {origins: [docs.example.org]}}}\n", "is no origin of pages"),
        ("features: {builds: {anonymous: {origins: ['https://docs.example.org/']}}}\n", "is no origin of pages"),
        ("features: {builds: {anonymous: {repositories: [ann/waves]}}}\n", "is no pattern of repositories"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: str, words: str
) -> None:
    """Once, with what to write instead where that is not plain."""
    monkeypatch.setenv("KEY_OF_OURS", "x" * 20)
    error = only_error(tmp_path, hub=HUB + hub)
    assert words in error.message
    assert error.where is not None
    assert (error.where.file, error.where.line) == ("hubs/sea.yaml", 3 + len(hub.splitlines()))


def test_the_shortest_form_is_enough(tmp_path: Path) -> None:
    """All limits have defaults; the mode is off where nothing is said."""
    fleet = loaded(tmp_path, hub=HUB + OPEN).fleet
    builds = fleet.hubs["sea"].features.builds
    assert builds is not None
    assert builds.anonymous is not None
    assert (builds.anonymous.servers, builds.anonymous.origins) == (20, ())
    without = loaded(tmp_path, hub=HUB + "features: {builds: true}\n").fleet.hubs["sea"].features.builds
    assert without is not None
    assert without.anonymous is None


def test_a_secret_of_another_profile_is_nobodys_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the one that strangers get counts."""
    monkeypatch.setenv("KEY_OF_OURS", "x" * 20)
    hub = HUB + f"profiles: {{standard: {{}}, own: {SECRET}}}\n" + OPEN
    assert errors(tmp_path, hub=hub) == []


def test_pages_from_anywhere_are_said(tmp_path: Path) -> None:
    """As a notice: it is what mybinder.org does."""
    found = loaded(tmp_path, hub=HUB + "features: {builds: {anonymous: {origins: ['*']}}}\n")
    assert "any-origin" in [notice.code for notice in found.warnings]


def test_servers_that_share_the_machines_network_are_not_for_strangers(tmp_path: Path) -> None:
    """They would reach its other services."""
    files = {"clusters/here.yaml": "kind: machine\nnetwork: shared\n"}
    assert "would share the machine's network" in only_error(tmp_path, files, hub=HUB + OPEN).message
