"""Names of people and servers, whatever they are: never a path, an argument, a command, or somebody else's."""

import re
import uuid
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fake_agent import INSIDE, World, number, wanted
from hubfleet._kit import names
from hubfleet.agent import admission, readiness
from hubfleet.agent.launchers import inside, sandbox
from hubfleet.agent.launchers.base import LaunchRequest
from hubfleet.agent.places import folder_name
from hubfleet.agent.refusals import CeilingError
from hubfleet.agent.store import Store
from hubfleet.protocol.messages import ServerState

ODD = (
    "a-b",
    "a--b",
    "a_b",
    "A-B",
    "a b",
    "a/b",
    "a%2fb",
    "..",
    "../../etc/passwd",
    "-rf",
    "--help",
    "$(touch pwned)",
    "`id`; rm -rf ~ | tee & > x",
    "'\"\\",
    "<script>alert(1)</script>",
    "müller",
    "mu\u0308ller",
    "ann\u200b",
    "مريم",
    "李",
    "x" * 255,
    "{0}{pipe}%s",
)
"""Shell words, paths, HTML, spellings that one escaping or another takes for one, other scripts, the longest."""
texts = st.text(max_size=60) | st.sampled_from(ODD)
FACTS = {"address": "10.0.0.2", "port": "8888"}


@given(texts)
def test_a_homes_name_is_plain_and_short(person: str) -> None:
    """Small letters, digits and hyphens, in a length that every file system takes: no path and no option."""
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", folder_name(person))


@given(texts, texts)
@example("a-b", "a--b")
@example("A-B", "a-b")
@example("müller", "mu\u0308ller")
def test_two_people_never_share_a_home(one: str, other: str) -> None:
    """However alike the names look."""
    assume(one != other)
    assert folder_name(one) != folder_name(other)


@given(st.integers(1, 10**6), texts, st.integers(1, 10**6), texts)
@example(1, "1/a", 11, "a")
@example(1, "a-b", 1, "a--b")
def test_two_servers_never_share_an_id(person: int, name: str, other: int, other_name: str) -> None:
    """Ids are UUIDs, so logs, control groups and labels have no other names in them."""
    hub = uuid.UUID(int=1)
    assert uuid.UUID(names.server_id(hub, person, name))
    assume((person, name) != (other, other_name))
    assert names.server_id(hub, person, name) != names.server_id(hub, other, other_name)


def test_two_hubs_of_two_fleets_never_share_an_id() -> None:
    """Names of fleets and hubs run into each other nowhere."""
    pairs = [("a", "b"), ("a-b", "c"), ("a", "b-c"), ("a", "b--c"), ("b", "a")]
    assert all(names.hub_uuid(*one) != names.hub_uuid(*other) for one, other in combinations(pairs, 2))


@given(person=texts, name=texts, value=texts)
def test_names_and_values_are_in_no_argument(person: str, name: str, value: str) -> None:
    """What the agent accepts changes neither the sandbox's arguments nor the command, only the server's variables."""
    assert _arguments(person, name, value) == _arguments("ann", "", "")
    assert _told(person, name, value)["command"] == _told("ann", "", "")["command"]


@given(person=texts, name=texts)
def test_names_are_taken_whole_or_refused(person: str, name: str) -> None:
    """A name with characters that do not print, or too long, is refused with a reason; no other error comes."""
    odd = any(not char.isprintable() for char in person + name)
    try:
        admission.check(number(), wanted(person, server_name=name), World(Path("/none")).document())
    except CeilingError as error:
        assert odd or not person or max(len(person.encode()), len(name.encode())) > admission.MAX_NAME
        assert error.status == 422
    else:
        assert not odd


@given(texts)
def test_a_path_that_is_asked_for_is_one_line(prefix: str) -> None:
    """Nothing in a server's prefix ends the request line that the agent writes."""
    assert re.fullmatch(r"[!-~]*", readiness.path_of(prefix))


@pytest.mark.anyio
async def test_each_odd_name_gets_a_home_and_an_id_of_its_own(tmp_path: Path) -> None:
    """All of them start; their homes lie side by side, and nothing was made anywhere else."""
    world = World(tmp_path)
    accepted = [person for person in ODD if all(char.isprintable() for char in person)]
    async with world.agent() as agent:
        for person in accepted:
            await agent.put(wanted(person))
            await agent.until(ServerState.RUNNING, person)
    _only_homes(tmp_path, len(accepted))
    store = Store(tmp_path / "agent.sqlite")
    await store.open()
    uids = [await store.run(lambda tables, name=name: tables.uid("ocean", name, (200_000, 265_535))) for name in ODD]
    await store.close()
    assert len(set(uids)) == len(ODD)


def _only_homes(folder: Path, people: int) -> None:
    homes = list((folder / "homes" / "ocean").iterdir())
    assert len(homes) == people
    assert all(list(home.iterdir()) == [] for home in homes)
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"servers", "homes", "shared", "fresh"}


def _request(person: str, name: str, value: str) -> LaunchRequest:
    prefix = {"JUPYTERHUB_SERVICE_PREFIX": f"/user/{person}/{name}", "JUPYTERHUB_USER": person, "SOME": value}
    request = wanted(person, server_name=name, variables=prefix, default_url=value)
    return LaunchRequest(number(), request, 200_000, Path("/homes/a"), Path("/software"), hub_url="http://10.0.0.1:80")


def _arguments(person: str, name: str, value: str) -> list[str]:
    box = inside.box(_request(person, name, value), (), INSIDE)
    arguments = sandbox.arguments(box, dict.fromkeys(box.texts, 9), {})
    return [*arguments, *box.texts.values(), *sandbox.command(box, Path("/bwrap"), 3, ["python"])]


def _told(person: str, name: str, value: str) -> dict[str, object]:
    return inside.instructions(_request(person, name, value), FACTS, INSIDE)
