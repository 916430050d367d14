"""The portal's HTTP API, from its OpenAPI description."""

import tempfile
from pathlib import Path
from typing import Any

from hubfleet._kit.clock import SystemClock
from hubfleet.model.settings.portal import COOKIE_FILE, TOKEN_FILE, PortalSettings
from hubfleet.portal.app import application
from hubfleet.protocol.hub_api import HubApi
from hubfleet_docs import http_api

_INTRO = """# API of the portal

What people do on a hub's pages for environments, programs do here: `https://HUB/services/portal/api`. Each request
carries a token of the hub's (`Authorization: token TOKEN`), which people make on the hub's page "Token", and which must
have the scope `access:services!service=portal`, as one without scopes of its own has. A refusal is `problem+json` (RFC
9457) with `detail` and `hint`. The same description as OpenAPI: `GET /services/portal/api/openapi.json`.
"""


def page() -> str:
    """Return the page."""
    return http_api.page(_INTRO, description(), "portal-api")


def description() -> dict[str, Any]:
    """Return the portal's OpenAPI document."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / TOKEN_FILE).write_text("docs")
        (Path(folder) / COOKIE_FILE).write_text("00" * 32)
        agent = {"cluster": "docs", "title": "Docs", "address": "unix:/none", "key": "/none"}
        settings = PortalSettings.model_validate(
            {
                "fleet": "docs",
                "hub": "docs",
                "title": "Docs",
                "public_url": "http://docs.localhost:8000",
                "bind_port": 1,
                "hub_api": "http://127.0.0.1:1/hub/api",
                "agents": [agent],
                "folder": folder,
                "secrets": folder,
            }
        )
        return application(settings, HubApi(settings.hub_api), SystemClock()).openapi()
