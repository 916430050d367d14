"""A stop that cannot be carried out is kept, over a restart too, and carried out once."""

from pathlib import Path
from typing import cast

import pytest

from hubfleet.hub.agents import AgentLink
from hubfleet.hub.stops import Stop, Stops
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.messages import StopReason
from unit.hub.fakes import NOW, FakeAgent, server

pytestmark = pytest.mark.anyio

STOP = Stop("west", "s1", StopReason.PERSON, NOW)


def link(agent: FakeAgent) -> AgentLink:
    return AgentLink("west", cast(AgentClient, agent))


async def test_a_stop_reaches_the_agent(tmp_path: Path) -> None:
    """With its reason; nothing is left to do."""
    agent, stops = FakeAgent(server()), Stops(tmp_path / "stops.json")
    assert await stops.carry_out(STOP, link(agent))
    assert agent.stopped == [("s1", StopReason.PERSON)]
    assert not len(stops)


async def test_a_stop_during_a_cut_is_carried_out_once_after_it_over_a_restart(tmp_path: Path) -> None:
    """The wish is on disk before the agent is asked; another process finds it."""
    agent = FakeAgent(server())
    agent.away = True
    assert not await Stops(tmp_path / "stops.json").carry_out(STOP, link(agent))
    agent.away = False
    stops = Stops(tmp_path / "stops.json")
    await stops.try_again({"west": link(agent)})
    await stops.try_again({"west": link(agent)})
    assert agent.stopped == [("s1", StopReason.PERSON)]


@pytest.mark.parametrize("status", [404, 409])
async def test_a_server_that_is_gone_or_newer_needs_no_stop(tmp_path: Path, status: int) -> None:
    """The agent knows it no more, or a later start took over: the wish is over."""
    agent, stops = FakeAgent(), Stops(tmp_path / "stops.json")
    agent.refuses = status
    assert await stops.carry_out(STOP, link(agent))
    assert not len(stops)


async def test_a_start_withdraws_the_wish(tmp_path: Path) -> None:
    """Who starts again must not be stopped by an old wish."""
    agent, stops = FakeAgent(server()), Stops(tmp_path / "stops.json")
    agent.away = True
    await stops.carry_out(STOP, link(agent))
    stops.withdraw("s1")
    agent.away = False
    await Stops(tmp_path / "stops.json").try_again({"west": link(agent)})
    assert not agent.stopped


async def test_damaged_wishes_do_not_keep_a_hub_from_starting(tmp_path: Path) -> None:
    """They are only a hint: the agent's list finds strays as well."""
    (tmp_path / "stops.json").write_text("{")
    assert not len(Stops(tmp_path / "stops.json"))
