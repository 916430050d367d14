"""People who do not sign in: who gets a place, and what becomes of them."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from fake_hub import SERVICE_TOKEN, FakeHub
from hubfleet.errors import RefusedError
from hubfleet.model.features import Anonymous
from hubfleet.model.guests import is_guest
from hubfleet.portal.features.builds.guests import Guests, network_of
from hubfleet.protocol.hub_api import HubApi
from hubfleet.testing.clock import FakeClock

pytestmark = pytest.mark.anyio
REPOSITORY = "https://git.test/ann/waves"


class Lobby:
    """Guests of a hub of dictionaries."""

    def __init__(self, **settings: object) -> None:
        self.hub = FakeHub()
        self.clock = FakeClock()
        self.hub.now = self.clock.now()
        self.left: set[str] = set()
        """Whose builds are not over yet."""
        self.api = HubApi("http://hub/hub/api", transport=httpx.ASGITransport(self.hub.app))
        self.wanted = Anonymous.model_validate(settings)
        self.guests = self.next_life()

    def next_life(self, *, off: bool = False) -> Guests:
        """Return the guests as a new portal finds them."""

        async def forget(name: str) -> bool:
            return name not in self.left

        wanted = None if off else self.wanted
        return Guests(wanted, self.api, SecretStr(SERVICE_TOKEN), forget=forget, clock=self.clock)

    async def serve(self, address: str = "192.0.2.1") -> str:
        """Let somebody come as far as a server of theirs, and return their name."""
        guest = await self.guests.admit(REPOSITORY, address)
        await self.guests.settle(guest)
        self.hub.server(guest.name)
        self.guests.leave(guest, served=True)
        return guest.name

    def pass_time(self, **much: float) -> None:
        """Turn the clock."""
        self.clock.advance(timedelta(**much).total_seconds())
        self.hub.now = self.clock.now()


@pytest.fixture
async def lobby() -> AsyncIterator[Lobby]:
    """Guests with the defaults, but few of them."""
    made = Lobby(servers=3, per_address=2)
    yield made
    await made.api.close()


async def test_a_token_opens_one_server_and_ends_by_itself(lobby: Lobby) -> None:
    """It holds no other scope, and is gone with its guest."""
    name = await lobby.serve()
    (token,) = [model for model in lobby.hub.tokens.values() if model["name"] == name]
    assert token["scopes"] == [f"access:servers!server={name}/"]
    assert token["expires_in"] == 6 * 3600
    lobby.pass_time(hours=7)
    await lobby.guests.round()
    assert lobby.hub.tokens == {}


@pytest.mark.parametrize(("minutes", "stays"), [(9, True), (10, False)])
async def test_who_does_nothing_for_a_while_goes(lobby: Lobby, minutes: int, stays: bool) -> None:
    """With their user, at once when the limit is reached."""
    name = await lobby.serve()
    lobby.pass_time(minutes=minutes)
    await lobby.guests.round()
    assert (name in lobby.hub.users) is stays


@pytest.mark.parametrize(("hours", "stays"), [(5.9, True), (6, False)])
async def test_the_longest_time_ends_those_in_use_too(lobby: Lobby, hours: float, stays: bool) -> None:
    """Whatever they do."""
    name = await lobby.serve()
    began = lobby.hub.now
    lobby.pass_time(hours=hours)
    lobby.hub.server(name, started=began.isoformat())
    await lobby.guests.round()
    assert (name in lobby.hub.users) is stays


async def test_a_guest_whose_server_ended_goes(lobby: Lobby) -> None:
    """However it ended; and their place is free when all of it is gone."""
    name = await lobby.serve()
    lobby.hub.users[name]["servers"] = {}
    lobby.left.add(name)
    await lobby.guests.round()
    assert name not in lobby.hub.users
    assert await lobby.serve() != name
    lobby.left.clear()
    await lobby.guests.round()
    assert await lobby.serve() == name


async def test_who_cannot_be_removed_yet_is_removed_later(lobby: Lobby) -> None:
    """Others go meanwhile."""
    first, second = await lobby.serve(), await lobby.serve()
    lobby.hub.stopping.add(first)
    lobby.pass_time(hours=7)
    await lobby.guests.round()
    assert set(lobby.hub.users) == {first}
    lobby.hub.stopping.clear()
    await lobby.guests.round()
    assert (lobby.hub.users, second) == ({}, "anonymous-2")


async def test_whoever_waits_is_left_alone_and_who_gave_up_is_not(lobby: Lobby) -> None:
    """A start takes its time; one that nobody waits for any more leaves nothing."""
    guest = await lobby.guests.admit(REPOSITORY, "192.0.2.1")
    await lobby.guests.settle(guest)
    await lobby.guests.round()
    assert guest.name in lobby.hub.users
    lobby.hub.server(guest.name)
    lobby.guests.leave(guest, served=False)
    await lobby.guests.round()
    assert lobby.hub.users == {}


async def test_another_portal_finds_those_that_are_there(lobby: Lobby) -> None:
    """They keep their places and their limits; without the mode all of them go, and nobody else."""
    name = await lobby.serve()
    lobby.hub.server("ann")
    lobby.guests = lobby.next_life()
    assert await lobby.serve() != name
    lobby.guests = lobby.next_life(off=True)
    await lobby.guests.round()
    assert set(lobby.hub.users) == {"ann"}


async def test_no_more_than_the_hub_has_places(lobby: Lobby) -> None:
    """From whatever address; those on their way count."""
    for number in range(3):
        await lobby.guests.admit(REPOSITORY, f"192.0.2.{number}")
    with pytest.raises(RefusedError, match="all 3 temporary servers are in use") as refused:
        await lobby.guests.admit(REPOSITORY, "192.0.2.9")
    assert refused.value.status == 429


async def test_no_more_than_an_address_may_have(lobby: Lobby) -> None:
    """Another address is another matter; the 64 bits of an IPv6 net are one."""
    for end in ("1", "2"):
        await lobby.guests.admit(REPOSITORY, f"2001:db8::{end}")
    with pytest.raises(RefusedError, match="2 temporary servers for your address") as refused:
        await lobby.guests.admit(REPOSITORY, "2001:db8::9:9")
    assert refused.value.status == 429
    await lobby.guests.admit(REPOSITORY, "2001:db8:1::1")


async def test_no_more_requests_within_an_hour_than_may_be(lobby: Lobby) -> None:
    """Those that were refused count, and an hour later the first is forgotten."""
    for _ in range(10):
        try:
            lobby.guests.leave(await lobby.guests.admit(REPOSITORY, "192.0.2.1"), served=False)
        except RefusedError as error:
            assert "servers for your address" in error.message
        lobby.pass_time(minutes=1)
    with pytest.raises(RefusedError, match="asked for 10 temporary servers within an hour") as refused:
        await lobby.guests.admit(REPOSITORY, "192.0.2.1")
    assert (refused.value.status, refused.value.hint) == (429, "try again in 51 minutes")
    lobby.pass_time(minutes=51)
    await lobby.guests.round()
    await lobby.guests.admit(REPOSITORY, "192.0.2.1")


async def test_only_repositories_that_are_for_guests() -> None:
    """Another one is refused before anything counts."""
    lobby = Lobby(repositories=["https://git.test/ann/*"])
    with pytest.raises(RefusedError, match="not open to people who do not sign in"):
        await lobby.guests.admit("https://git.test/bob/waves", "192.0.2.1")
    await lobby.guests.admit(REPOSITORY, "192.0.2.1")


def test_an_address_is_what_one_customer_has() -> None:
    """However it is written."""
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") == network_of("2001:db8:0:0:ffff::1") != network_of("2001:db8:0:1::1")
    assert network_of("no address") == ""


def test_guests_names_are_few() -> None:
    """A person's name that only looks like one is none."""
    assert is_guest("anonymous-1")
    assert not any(
        is_guest(name) for name in ("anonymous", "anonymous-", "anonymous-01", "anonymous-1a", "anonymous-1\n")
    )
