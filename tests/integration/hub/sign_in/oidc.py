"""A real OpenID Connect provider from npm, installed once below .cache."""

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import programs
from hubfleet._kit import process
from integration.hub.sign_in.hubs import Browser
from programs import Programs, Running

VERSION = "9.13.3"
_CACHE = Path(__file__).parents[4] / ".cache" / "npm" / "oidc-provider"


def installed() -> Path:
    """Return the provider's module, installing it where it is missing."""
    module = _CACHE / "node_modules" / "oidc-provider" / "lib" / "index.js"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not module.exists():
            command = ["npm", "install", "--no-audit", "--no-fund", f"--prefix={_CACHE}", f"oidc-provider@{VERSION}"]
            process.run(command, timeout_s=300)
    return module


@dataclass
class Provider:
    """A provider and the accounts that it knows."""

    running: Programs
    hub_url: str
    port: int
    program: Running | None = None

    @property
    def url(self) -> str:
        """Its issuer."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def _accounts(self) -> Path:
        return self.running.folder / "accounts.json"

    def knows(self, **accounts: dict[str, Any]) -> None:
        """Set all accounts: claims by name."""
        self._accounts.write_text(json.dumps(accounts))

    def start(self) -> None:
        """Start it."""
        script = Path(__file__).with_name("oidc_server.mjs")
        given = [str(installed()), str(self.port), f"{self.hub_url}/hub/oauth_callback", str(self._accounts)]
        self.program = self.running.start("provider", ["node", str(script), *given])
        self.program.wait_http(self.port, "/.well-known/openid-configuration")


def make(running: Programs, hub_url: str) -> Provider:
    """Return a provider, not started yet."""
    return Provider(running, hub_url, programs.free_port())


def sign_in(browser: Browser, name: str, *, after: str = "/hub/home") -> httpx.Response:
    """Sign in to the hub by the provider's own forms: name, then consent."""
    page = browser.get(f"/hub/oauth_login?next={after}")
    page = browser.send(page, login=name, password="any")
    return browser.send(page) if 'value="consent"' in page.text else page
