"""Routes for the cluster: what it can, what it has, its environments and homes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import PlainTextResponse

from hubfleet.agent.api.guard import allow, caller_of, hub_of
from hubfleet.agent.api.problems import responses
from hubfleet.agent.cluster import ClusterFacts
from hubfleet.protocol.messages import Capabilities, Capacity, EnvironmentLock, EnvironmentState, Health, HomeList
from hubfleet.protocol.signing import Caller

Known = Annotated[Caller, Depends(caller_of)]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the canonical lock.")]


def router(cluster: ClusterFacts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["cluster"])

    @routes.get("/healthz")
    async def healthz() -> Health:
        """Say that the agent works and which version it has; open to everybody who reaches it."""
        return Health(version=cluster.version)

    @routes.get("/capabilities", responses=responses())
    async def capabilities(caller: Known) -> Capabilities:
        """Say what the cluster can do, and how far its base software is."""
        return cluster.capabilities()

    @routes.get("/capacity", responses=responses())
    async def capacity(caller: Known) -> Capacity:
        """Say what the cluster has and what is in use."""
        return await cluster.capacity()

    @routes.put("/environments/{digest}", responses=responses(403, 413, 507))
    async def put_environment(digest: Digest, body: EnvironmentLock, caller: Known) -> EnvironmentState:
        """Make an environment of a lock; answers at once, ask again for its progress."""
        allow(caller, "portal", "operator")
        return await cluster.put_environment(digest, body.lock)

    @routes.get("/environments/{digest}", responses=responses())
    async def get_environment(digest: Digest, caller: Known) -> EnvironmentState:
        """Say how far an environment is."""
        return cluster.environment(digest)

    @routes.get("/homes", responses=responses())
    async def homes(caller: Known) -> HomeList:
        """List homes and what they hold."""
        return await cluster.homes(hub_of(caller))

    @routes.get("/metrics", response_class=PlainTextResponse, responses=responses(403))
    async def metrics(caller: Known) -> Response:
        """Return figures in Prometheus's text format."""
        allow(caller, "operator")
        return PlainTextResponse(await cluster.metrics(), media_type="text/plain; version=0.0.4")

    return routes
