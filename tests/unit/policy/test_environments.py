"""People are offered their own environments, those of their groups and those of everybody, each once."""

from datetime import UTC, datetime
from pathlib import Path

from fleets import loaded
from hubfleet.model.document import HubDocument, NamedEnvironment
from hubfleet.model.hub import Hub
from hubfleet.policy.choices import Person
from hubfleet.policy.environments import EnvironmentOffer, Whose, environments

HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def hub(folder: Path, text: str = HUB + "features: {builds: true}\n") -> Hub:
    return loaded(folder, hub=text).fleet.hubs["sea"]


def item(digest: str, owner: str, shared_with: str = "nobody", name: str = "") -> NamedEnvironment:
    return NamedEnvironment(digest=digest, name=name or digest, owner=owner, shared_with=shared_with, created=NOW)


DOCUMENT = HubDocument(
    environments=(
        item("hub", "cyd", "everybody"),
        item("mine", "cyd", "everybody"),
        item("mine", "ann"),
        item("staffs", "bob", "group:staff"),
        item("bobs", "bob"),
        item("shared", "cyd", "everybody"),
        item("shared", "bob", "group:staff"),
    )
)


def offered(person: Person, hub: Hub) -> list[tuple[str, str, Whose]]:
    return [(offer.digest, offer.owner, offer.whose) for offer in environments(hub, DOCUMENT, person)]


def test_the_nearest_comes_first_and_each_digest_once(tmp_path: Path) -> None:
    """One's own before a group's before everybody's."""
    assert offered(Person("ann", frozenset({"staff"})), hub(tmp_path)) == [
        ("mine", "ann", Whose.OWN),
        ("staffs", "bob", Whose.GROUP),
        ("shared", "bob", Whose.GROUP),
        ("hub", "cyd", Whose.EVERYBODY),
    ]


def test_nobody_is_offered_what_is_not_shared_with_them(tmp_path: Path) -> None:
    """Not even an admin, whose form would be everybody's list."""
    for person in (Person("eve", frozenset({"nobody", "bob"})), Person("root", admin=True)):
        assert {digest for digest, _, _ in offered(person, hub(tmp_path))} == {"hub", "mine", "shared"}


def test_a_hub_without_builds_offers_none(tmp_path: Path) -> None:
    """Whatever an old document says."""
    assert offered(Person("ann"), hub(tmp_path, HUB)) == []


def test_equal_names_are_told_apart_by_their_time(tmp_path: Path) -> None:
    """And others are shown by their name alone."""
    document = HubDocument(environments=(item("a", "ann", name="x"), item("b", "ann", name="x"), item("c", "ann")))
    assert environments(hub(tmp_path), document, Person("ann")) == (
        EnvironmentOffer("a", "x", "ann", Whose.OWN, NOW),
        EnvironmentOffer("b", "x", "ann", Whose.OWN, NOW),
        EnvironmentOffer("c", "c", "ann", Whose.OWN),
    )
