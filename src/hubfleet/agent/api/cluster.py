"""Routes for the cluster: what it can, what it has, its environments and homes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import PlainTextResponse

from hubfleet.agent.api.guard import allow, caller_of, hub_of
from hubfleet.agent.api.problems import responses
from hubfleet.agent.cluster import ClusterFacts
from hubfleet.protocol.messages import Capabilities, Capacity, EnvironmentLock, EnvironmentState, Health, HomeList
from hubfleet.protocol.signing import Caller

Known = Annotated[Caller, Depends(caller_of)]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the canonical lock.")]


def _facts(request: Request) -> ClusterFacts:
    found = request.app.state.facts
    assert isinstance(found, ClusterFacts)
    return found


Here = Annotated[ClusterFacts, Depends(_facts)]

routes = APIRouter(prefix="/v1", tags=["cluster"])
"""The routes; the app's state holds the cluster's facts."""


@routes.get("/healthz")
async def healthz(cluster: Here) -> Health:
    """Say that the agent works and which version it has; open to everybody who reaches it."""
    return Health(version=cluster.version)


@routes.get("/capabilities", responses=responses())
async def capabilities(cluster: Here, caller: Known) -> Capabilities:
    """Say what the cluster can do, and how far its base software is."""
    return cluster.capabilities()


@routes.get("/capacity", responses=responses())
async def capacity(cluster: Here, caller: Known) -> Capacity:
    """Say what the cluster has and what is in use."""
    return await cluster.capacity()


@routes.put("/environments/{digest}", responses=responses(403, 413, 507))
async def put_environment(digest: Digest, body: EnvironmentLock, cluster: Here, caller: Known) -> EnvironmentState:
    """Make an environment of a lock; answers at once, ask again for its progress."""
    allow(caller, "portal", "operator")
    return await cluster.put_environment(digest, body.lock)


@routes.get("/environments/{digest}", responses=responses())
async def get_environment(digest: Digest, cluster: Here, caller: Known) -> EnvironmentState:
    """Say how far an environment is."""
    return cluster.environment(digest)


@routes.get("/homes", responses=responses())
async def homes(cluster: Here, caller: Known) -> HomeList:
    """List homes and what they hold."""
    return await cluster.homes(hub_of(caller))


@routes.get("/metrics", response_class=PlainTextResponse, responses=responses(403))
async def metrics(cluster: Here, caller: Known) -> Response:
    """Return figures in Prometheus's text format."""
    allow(caller, "operator")
    return PlainTextResponse(await cluster.metrics(), media_type="text/plain; version=0.0.4")
