"""The address of the form that starts a server with what was built."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest

from hubfleet.portal.features.builds import starting
from hubfleet.portal.people import Person
from hubfleet.records.entries import BuildEntry

DIGEST = "d" * 64
BUILD = BuildEntry(
    id=UUID(int=7),
    person="ann@example.org",
    repository="https://git.test/ann/Wave-Tides.git",
    ref="main",
    packages_until="commit",
    cluster="here",
    commit="c" * 40,
    created=datetime(2026, 1, 1, tzinfo=UTC),
)
PRIVATE = BUILD.model_copy(update={"private": True})
ANN, BOB = Person("ann@example.org", admin=False), Person("bob", admin=True)
FILES = {"environment": DIGEST, "repository": BUILD.repository, "commit": BUILD.commit}


@pytest.mark.parametrize(
    ("build", "person", "opened", "asks"),
    [
        (BUILD, BOB, "", FILES),
        (BUILD, ANN, "a/one two.ipynb", {**FILES, "open": "a/one two.ipynb"}),
        (BUILD, ANN, "../../etc/passwd", FILES),
        (PRIVATE, ANN, "", {**FILES, "key": str(UUID(int=7))}),
        (PRIVATE, BOB, "", {"environment": DIGEST}),
        (BUILD.model_copy(update={"commit": ""}), ANN, "x", {"environment": DIGEST}),
    ],
)
def test_a_link_asks_for_the_files_that_its_person_may_have(
    build: BuildEntry, person: Person, opened: str, asks: dict[str, str]
) -> None:
    """A private repository's are for who fetched them, admins or not."""
    found = urlsplit(starting.address(DIGEST, build, person, named=False, opened=opened))
    assert (found.path, dict(parse_qsl(found.query))) == ("/hub/spawn", asks)


def test_each_repository_has_a_server_where_people_may_have_several() -> None:
    """Its own name tells which; two of one name are two."""
    other = BUILD.model_copy(update={"repository": "https://git.test/bob/Wave-Tides.git"})
    paths = [urlsplit(starting.address(DIGEST, build, ANN, named=True)).path for build in (BUILD, BUILD, other)]
    assert paths[0] == paths[1] != paths[2]
    assert all(path.startswith("/hub/spawn/ann@example.org/wave-tides-") for path in paths)
    assert urlsplit(starting.address(DIGEST, PRIVATE, BOB, named=True)).path == "/hub/spawn"
