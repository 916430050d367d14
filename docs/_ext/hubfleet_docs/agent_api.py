"""The agent's HTTP API, from its OpenAPI description."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from hubfleet.agent.app import wired
from hubfleet.agent.launchers.in_process import InProcessLauncher
from hubfleet.model.settings.agent import AgentSettings
from hubfleet_docs import http_api

_INTRO = """# API of the agent

Hubs and operators tell a cluster's agent what to do by HTTP with JSON, on one machine over a unix socket. Each request
but `GET /v1/healthz` is signed: how is told in [](../../explanation/security.md). A refusal is `problem+json` (RFC
9457) with `detail` and `hint`. The same description as OpenAPI: `GET /v1/openapi.json`.
"""


def page() -> str:
    """Return the page."""
    return http_api.page(_INTRO, description(), "agent-api")


def description() -> dict[str, Any]:
    """Return the agent's OpenAPI document."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_described(Path(folder)))


async def _described(folder: Path) -> dict[str, Any]:
    settings = AgentSettings.model_validate(
        {
            "fleet": "docs",
            "cluster": "docs",
            "socket": folder / "agent.sock",
            "data": folder,
            "launcher": "in-process",
            "sandbox": "bubblewrap" if os.geteuid() == 0 else "none",
        }
    )
    async with wired(settings, launcher=InProcessLauncher()) as agent:
        return agent.bare.openapi()
