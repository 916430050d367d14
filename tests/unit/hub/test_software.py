"""A start's environment is sent to a cluster that lacks it; nothing of that keeps a start from being tried."""

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubfleet.errors import ProtocolError, RefusedError, UnreachableError
from hubfleet.hub.software import brought
from hubfleet.protocol.messages import EnvironmentState
from hubfleet.protocol.portal_api import PortalApi

pytestmark = pytest.mark.anyio
DIGEST = "ab" * 32
AWAY = UnreachableError("away")


class FakeCluster:
    def __init__(self, state: str = "absent", error: ProtocolError | None = None) -> None:
        self.state = state
        self.error = error
        self.asked = 0

    async def environment(self, digest: str) -> EnvironmentState:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return EnvironmentState.model_validate({"digest": digest, "state": self.state})


class FakePortal:
    def __init__(self, error: ProtocolError | None = None) -> None:
        self.error = error
        self.sent: list[tuple[str, str]] = []

    async def send_environment(self, digest: str, cluster: str) -> None:
        self.sent.append((digest, cluster))
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(("state", "sent"), [("absent", 1), ("realising", 0), ("ready", 0), ("failed", 0)])
async def test_only_what_a_cluster_lacks_is_sent(state: str, sent: int) -> None:
    """A warm start costs one question to the agent, and none to the portal."""
    portal = FakePortal()
    await brought(DIGEST, FakeCluster(state), portal, "here")
    assert portal.sent == [(DIGEST, "here")] * sent


async def test_the_hubs_own_software_is_asked_of_nobody() -> None:
    """Nor is anything where the hub has no portal."""
    cluster, portal = FakeCluster(), FakePortal()
    await brought("base", cluster, portal, "here")
    await brought(DIGEST, cluster, None, "here")
    assert (cluster.asked, portal.sent) == (0, [])


@pytest.mark.parametrize(
    ("cluster", "portal"),
    [
        (FakeCluster(error=AWAY), FakePortal()),
        (FakeCluster(), FakePortal(AWAY)),
        (FakeCluster(), FakePortal(RefusedError("no such environment", status=404))),
    ],
)
async def test_nobody_who_is_away_keeps_a_start_from_being_tried(cluster: FakeCluster, portal: FakePortal) -> None:
    """The agent itself says to the person what is wrong, if anything is."""
    await brought(DIGEST, cluster, portal, "here")


@pytest.mark.parametrize(("status", "kind"), [(503, UnreachableError), (404, ProtocolError)])
async def test_the_portal_is_asked_by_its_api(status: int, kind: type[ProtocolError]) -> None:
    """With the hub's token, and its refusals are told apart by what may help."""
    asked: list[tuple[str, str]] = []
    answers = [204, status]

    async def put(request: Request) -> Response:
        asked.append((request.url.path, request.headers["authorization"]))
        return Response(status_code=answers.pop(0))

    app = Starlette(
        routes=[Route("/services/portal/api/clusters/{cluster}/environments/{digest}", put, methods=["PUT"])]
    )
    api = PortalApi("http://portal", SecretStr("t1"), transport=httpx.ASGITransport(app))
    await api.send_environment(DIGEST, "here")
    with pytest.raises(kind) as caught:
        await api.send_environment(DIGEST, "here")
    await api.close()
    assert type(caught.value) is kind
    assert asked == [(f"/services/portal/api/clusters/here/environments/{DIGEST}", "token t1")] * 2
