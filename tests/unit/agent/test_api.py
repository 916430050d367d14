"""The agent's HTTP API: who gets in, what a refusal looks like, and that it does what it describes."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from fake_agent import Running, World, number, wanted
from hubfleet._kit.clock import SystemClock
from hubfleet.agent.api import streams
from hubfleet.agent.records import request_to_json
from hubfleet.protocol.messages import ServerState
from hubfleet.protocol.signing import CallerKey, sign

pytestmark = pytest.mark.anyio


@dataclass
class Api:
    """Signed calls to an agent's app."""

    agent: Running
    keys: dict[str, CallerKey]
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        transport = httpx.ASGITransport(self.agent.agent.app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://agent")

    async def call(self, caller: str, method: str, path: str, body: str = "", **headers: str) -> httpx.Response:
        raw = body.encode()
        signed = sign(self.keys[caller], audience="here", method=method, path=path, body=raw)
        sent = {"Authorization": signed, "Content-Type": "application/json", **headers}
        return await self.http.request(method, path, content=raw, headers=sent)

    async def put(self, caller: str = "ocean", person: str = "ann", **more: object) -> httpx.Response:
        body = request_to_json(wanted(person, **more))
        return await self.call(caller, "PUT", f"/v1/servers/{number(person)}", body)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    keys = {name: CallerKey.new(name) for name in ("ocean", "maths", "portal", "operator")}
    roles = {
        "ocean": ("hub", "ocean"),
        "maths": ("hub", "maths"),
        "portal": ("portal", "ocean"),
        "operator": ("operator", ""),
    }
    callers = [
        {"name": name, "role": roles[name][0], "hub": roles[name][1], "public_key": key.public()}
        for name, key in keys.items()
    ]
    world = World(tmp_path, clock=SystemClock(), settings={"callers": callers})
    async with world.agent() as agent:
        api = Api(agent, keys)
        yield api
        await api.http.aclose()


async def test_health_is_open(api: Api) -> None:
    """Whoever reaches the socket may ask whether the agent works."""
    assert (await api.http.get("/v1/healthz")).json()["status"] == "ok"


@pytest.mark.parametrize(
    "path", ["/v1/servers", "/v1/capabilities", "/v1/events", "/v1/openapi.json", "/v1/metrics", "/x"]
)
async def test_everything_else_needs_a_signature(api: Api, path: str) -> None:
    """Reads and unknown paths too are refused with a problem."""
    answer = await api.http.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_replayed_command_is_refused(api: Api) -> None:
    """A signed command counts once."""
    signed = sign(api.keys["ocean"], audience="here", method="GET", path="/v1/servers", body=b"")
    answers = [await api.http.get("/v1/servers", headers={"Authorization": signed}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]


async def test_a_start_is_201_and_the_same_again_200(api: Api) -> None:
    """The status says whether a start is new, and the answer carries the token."""
    answers = [await api.put() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[1].json()["api_token"] == "token-ann-0"


async def test_lists_hold_no_token(api: Api) -> None:
    """No read shows what only the server may know."""
    await api.put()
    await api.agent.until(ServerState.RUNNING)
    for path in ("/v1/servers", f"/v1/servers/{number()}", f"/v1/servers/{number()}/logs"):
        assert "token-ann" not in (await api.call("ocean", "GET", path)).text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", ""),
        ("GET", "/logs", ""),
        ("GET", "/events", ""),
        ("POST", "/stop", '{"reason": "person"}'),
        ("DELETE", "", ""),
    ],
)
async def test_another_hubs_server_does_not_exist(api: Api, method: str, path: str, body: str) -> None:
    """Another hub gets 404 for each route of a server that is not its own."""
    await api.put()
    assert (await api.call("maths", method, f"/v1/servers/{number()}{path}", body)).status_code == 404


async def test_a_hub_cannot_start_for_another(api: Api) -> None:
    """A request that names another hub is refused."""
    assert (await api.put("maths")).status_code == 404


@pytest.mark.parametrize("caller", ["portal", "operator"])
async def test_only_a_hub_starts_servers(api: Api, caller: str) -> None:
    """Portal and operator have other things to do."""
    assert (await api.put(caller)).status_code == 403


async def test_an_operator_sees_all_hubs(api: Api) -> None:
    """Drain and capacity concern all servers of the cluster."""
    await api.put()
    await api.put("maths", "bob", hub="maths")
    listed = (await api.call("operator", "GET", "/v1/servers")).json()["servers"]
    assert {server["hub"] for server in listed} == {"ocean", "maths"}


async def test_a_full_cluster_says_when_to_try_again(tmp_path: Path, api: Api) -> None:
    """429 comes with Retry-After and a hint."""
    for count in range(100):
        await api.put(person=f"p{count}")
    answer = await api.put(person="one-more")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert answer.json()["hint"]


async def test_a_wrong_body_says_what_without_repeating_it(api: Api) -> None:
    """A body that does not fit is 422, and no secret of it comes back."""
    answer = await api.call("ocean", "PUT", f"/v1/servers/{number()}", '{"secrets": {"api_token": ["s3cret"]}}')
    assert answer.status_code == 422
    assert "s3cret" not in answer.text
    assert "generation" in answer.json()["detail"]


async def test_a_body_over_the_limit_is_refused_before_it_is_read(api: Api) -> None:
    """Nobody fills the agent's memory."""
    answer = await api.call("ocean", "PUT", f"/v1/servers/{number()}", "x" * 4_000_001)
    assert answer.status_code == 413


async def test_a_lock_under_another_digest_is_refused(api: Api) -> None:
    """An environment's name is the digest of its lock, and options are no requirements."""
    for lock in ("numpy==1.0 --hash=sha256:" + "0" * 64 + "\n", "--index-url http://evil\n", "numpy\n"):
        answer = await api.call("portal", "PUT", f"/v1/environments/{'a' * 64}", json.dumps({"lock": lock}))
        assert answer.status_code == 422, lock


async def test_events_can_be_resumed_after_any_number(api: Api) -> None:
    """A stream begins after the number that it is given and has each event once, in order."""
    await api.put()
    await api.agent.until(ServerState.RUNNING)
    flow = streams.events(api.agent.agent.servers, api.agent.agent.bell, since=2, hub="ocean", server=None)
    seen: list[int] = []
    async for text in flow:
        if text.startswith("id: "):
            seen.append(int(text.partition("\n")[0].removeprefix("id: ")))
            assert json.loads(text.partition("data: ")[2])["seq"] == seen[-1]
        if seen and seen[-1] >= 5:
            break
    await flow.aclose()
    assert seen == [3, 4, 5]


async def test_a_gap_in_events_is_told(api: Api) -> None:
    """Who asks after a number that never was reads the whole list again."""
    await api.put()
    await api.agent.until(ServerState.RUNNING)
    flow = streams.events(api.agent.agent.servers, api.agent.agent.bell, since=10**6, hub="ocean", server=None)
    said = [await anext(flow) for _ in range(3)]
    await flow.aclose()
    assert said[1] == "event: gap\n\n"
    assert said[2].startswith("id: 1\n")


async def test_metrics_are_prometheus_text(api: Api) -> None:
    """Servers are counted by hub and state."""
    await api.put()
    await api.agent.until(ServerState.RUNNING)
    text = (await api.call("operator", "GET", "/v1/metrics")).text
    assert 'hubfleet_servers{hub="ocean",state="running"} 1' in text
