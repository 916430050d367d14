"""Builds of a real agent, from their beginning to their end."""

import uuid

import anyio

from hubfleet.protocol.builds import Build, BuildRequest, BuildState
from hubfleet.protocol.client import AgentClient

WITHIN_S = 400


async def built(client: AgentClient, repository: str, **more: object) -> Build:
    """Build for `ocean` unless another hub is named, and wait for the end."""
    name = str(uuid.uuid4())
    await client.start_build(name, BuildRequest.model_validate({"hub": "ocean", "repository": repository, **more}))
    with anyio.fail_after(WITHIN_S):
        async for _ in client.build_events(name):
            pass
    found = await client.build(name)
    assert found.state.over
    return found


async def ready(client: AgentClient, repository: str, **more: object) -> Build:
    """Build what works."""
    build = await built(client, repository, **more)
    assert build.state is BuildState.READY, f"{build.message} {build.hint}"
    return build


async def said(client: AgentClient, build: Build) -> list[str]:
    """Return all that a build said."""
    return [event.message async for event in client.build_events(build.id) if event is not None]
