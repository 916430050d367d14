"""What a request, a log or a cluster's word may bring about, and no more."""

from pathlib import Path

import pytest

from fake_agent import INSIDE, World, number, wanted
from hubfleet.agent.launchers import inside, logfile
from hubfleet.agent.launchers.base import Health, LaunchRequest
from hubfleet.agent.records import request_to_json
from hubfleet.protocol.messages import ServerRequest, ServerState, StopReason

FOREIGN = {
    "image": "evil/image",
    "uid": 0,
    "mounts": [{"source": "/", "target": "/host"}],
    "partition": "admin",
    "home": "/root",
    "command": ["id"],
}


@pytest.mark.parametrize("place", ["request", "resources", "secrets"])
def test_fields_that_the_agent_does_not_know_reach_nothing(place: str) -> None:
    """No image, user id, mount, partition or command can be asked for: what is kept and launched is the same."""
    document = wanted().model_dump(mode="json") | {"resources": {"cpu": 1.0}, "secrets": {"api_token": "t"}}
    plain = ServerRequest.model_validate(document)
    asked = document | FOREIGN if place == "request" else document | {place: {**document[place], **FOREIGN}}
    found = ServerRequest.model_validate(asked)
    assert found == plain
    assert request_to_json(found) == request_to_json(plain)


def test_a_request_cannot_move_what_the_agent_decides() -> None:
    """Home, user, token, and where server and hub are: the agent's own words win over variables of that name."""
    ours = ("HOME", "USER", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_SERVICE_URL")
    hub = {"JUPYTERHUB_API_URL": "http://evil.example/hub/api", "JUPYTERHUB_ACTIVITY_URL": "http://evil.example/x"}
    request = wanted(variables={**dict.fromkeys(ours, "http://evil.example/"), **hub})
    launched = LaunchRequest(number(), request, 200_000, Path("/h"), Path("/s"), hub_url="http://10.0.0.1:80")
    found = inside.variables(launched, {"address": "10.0.0.2", "port": "8888"}, INSIDE)
    told = {name: found[name] for name in (*ours, *hub)}
    assert "evil" not in str(told)
    assert found["JUPYTERHUB_API_URL"] == "http://10.0.0.1:80/hub/api"


@pytest.mark.anyio
async def test_a_clusters_time_limit_is_told_as_such(tmp_path: Path) -> None:
    """A server that its cluster ends for its time is stopped with that reason and its words, once."""
    async with World(tmp_path).agent() as agent:
        await agent.put(wanted())
        await agent.until(ServerState.RUNNING)
        over = Health("gone", StopReason.TIME_LIMIT, "the cluster's limit of 8 hours is over", "start it again")
        agent.launcher.healths[number()] = over
        server = await agent.until(ServerState.STOPPED)
        assert (server.reason, server.message, server.hint) == (over.reason, over.message, over.hint)


def test_logs_are_cut_and_hold_text_only(tmp_path: Path) -> None:
    """However much a server writes, and whatever: a bounded end of it, without what steers terminals."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10_000_000 + b"\n" + b"\x1b[2Jlast\x00\xff\n" * 3)
    assert len(logfile.tail(path, 10**9)) <= logfile.TAIL_BYTES
    assert logfile.tail(path, 2) == "[2Jlast\ufffd\n[2Jlast\ufffd"
    logfile.shorten(path)
    assert path.stat().st_size == 0
