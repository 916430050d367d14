"""Sees to it that a cluster has the environment of a start: one that never got its lock, or lost it, is sent it."""

import logging
from typing import Protocol

from hubfleet.errors import ProtocolError
from hubfleet.policy.choices import BASE
from hubfleet.protocol.messages import EnvironmentState

_log = logging.getLogger(__name__)


class Cluster(Protocol):
    """The cluster's agent; `AgentClient` is it over HTTP."""

    async def environment(self, digest: str) -> EnvironmentState:
        """Return how far an environment is; raises `ProtocolError`."""


class Portal(Protocol):
    """Who has all locks; `PortalApi` is it over HTTP."""

    async def send_environment(self, digest: str, cluster: str) -> None:
        """Let a cluster be sent an environment's lock; raises `ProtocolError`."""


async def brought(environment: str, agent: Cluster, portal: Portal | None, cluster: str) -> None:
    """Let the portal send an environment that a cluster does not have; never raises what the start would not say."""
    if environment == BASE or portal is None:
        return
    try:
        if (await agent.environment(environment)).state == "absent":
            await portal.send_environment(environment, cluster)
    except ProtocolError as error:
        # the cluster may know its lock all the same; if not, it says so to the person
        _log.warning("environment %s may be unknown to cluster %s: %s", environment[:12], cluster, error)
