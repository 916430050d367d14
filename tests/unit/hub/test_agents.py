"""What a hub may conclude about servers: gone only when somebody who knows said so."""

import asyncio
from contextlib import suppress
from typing import cast

import pytest

from hubfleet.hub.agents import AgentLink, Seen
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import ServerState
from hubfleet.testing.clock import FakeClock
from unit.hub.fakes import FakeAgent, event, server

pytestmark = pytest.mark.anyio


class Round(FakeClock):
    """A clock that ends the endless following after one round."""

    async def sleep(self, seconds: float) -> None:
        raise asyncio.CancelledError


async def followed(agent: FakeAgent, link: AgentLink | None = None) -> AgentLink:
    """Return a link after one round of list and events."""
    link = link or AgentLink("west", cast(AgentClient, agent), clock=Round())
    with suppress(asyncio.CancelledError):
        await link.follow()
    return link


async def test_nothing_is_known_before_the_first_list() -> None:
    """A hub that has just begun says unknown, never gone."""
    assert AgentLink("west", cast(AgentClient, FakeAgent())).seen("s1") is Seen.UNKNOWN


async def test_a_listed_server_lives_and_a_missing_one_is_gone() -> None:
    """A whole list decides both ways."""
    link = await followed(FakeAgent(server("s1")))
    assert (link.seen("s1"), link.seen("s2")) == (Seen.LIVE, Seen.GONE)


async def test_an_incomplete_list_lets_nothing_go() -> None:
    """What is missing from a part of the list is unknown."""
    agent = FakeAgent(server("s1"))
    agent.complete = False
    link = await followed(agent)
    assert (link.seen("s1"), link.seen("s2")) == (Seen.LIVE, Seen.UNKNOWN)


async def test_what_was_known_stays_while_the_agent_is_away() -> None:
    """An agent that does not answer changes nothing."""
    agent = FakeAgent(server("s1"))
    link = await followed(agent)
    agent.away = True
    await followed(agent, link)
    assert link.seen("s1") is Seen.LIVE


async def test_an_end_is_told_at_once() -> None:
    """The event that a server stopped reaches whoever asked for ends."""
    agent = FakeAgent(server("s1"))
    agent.coming = [event("s1", ServerState.STOPPED, 2)]
    link = AgentLink("west", cast(AgentClient, agent), clock=Round())
    ended: list[str] = []
    link.on_end = ended.append
    await followed(agent, link)
    assert ended == ["s1"]
    assert link.seen("s1") is Seen.GONE


async def test_an_end_that_no_event_told_is_found_in_the_next_list() -> None:
    """A line that broke loses no end."""
    agent = FakeAgent(server("s1"))
    link = await followed(agent)
    ended: list[str] = []
    link.on_end = ended.append
    agent.servers_now = []
    await followed(agent, link)
    assert ended == ["s1"]


async def test_lists_of_a_cluster_that_could_not_be_asked_collect_nothing() -> None:
    """Only a list that the cluster confirmed goes to the collector."""
    agent = FakeAgent(server("s1"))
    agent.cluster_ok = False
    link = AgentLink("west", cast(AgentClient, agent), clock=Round())
    lists: list[frozenset[str]] = []
    link.on_list = lists.append
    await followed(agent, link)
    assert not lists
