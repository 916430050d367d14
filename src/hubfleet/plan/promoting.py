"""What a hub's portal is asked from outside: build a repository, give a profile its environment, and go back.

Answers may be lost and portals start again meanwhile: a build is followed on, and what a profile has already is not
given to it twice.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hubfleet.errors import ProtocolError, RefusedError, UnreachableError
from hubfleet.protocol.front_door import FrontDoor

API = "/services/portal/api"
BUILDS = f"{API}/builds"
ATTEMPTS = 30
PAUSE_S = 2.0
"""With so many pauses of this length a portal that starts again is waited for."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Promoting:
    """Asks one portal in the name of one token."""

    door: FrontDoor
    token: str
    pause_s: float = PAUSE_S

    def build(self, wanted: Mapping[str, str], tell: Tell) -> Mapping[str, Any]:
        """Begin a build, follow it to its end, and return how it is then.

        Args:
            wanted: as the API takes it.
            tell: called with each step.

        Raises:
            RefusedError: it may not be built, or not like this.
            UnreachableError: the portal stays away.
        """
        begun = self.door.call("POST", BUILDS, token=self.token, body=wanted)
        path = f"{BUILDS}/{begun['id']}"
        seen = 0
        for attempt in range(ATTEMPTS):
            try:
                for event in self.door.events(f"{path}/events?since={seen}", token=self.token):
                    seen = max(seen, int(event["seq"]))
                    tell(str(event["message"]))
                found: Mapping[str, Any] = self.door.call("GET", path, token=self.token)
                if found["ended"] is not None:
                    return found
            except ProtocolError as error:
                if not _passing(error) or attempt == ATTEMPTS - 1:
                    raise
                tell(f"the hub does not answer just now: {error.message}")
            time.sleep(self.pause_s)
        raise UnreachableError(
            f"the hub stays away; the build {begun['id']} goes on there", hint="build again later: what is done is kept"
        )

    def profile(self, name: str) -> tuple[Mapping[str, Any], str]:
        """Return what a profile has and had, and the tag that names this state.

        Raises:
            RefusedError: there is no such profile, or the token may not promote.
        """
        found: Mapping[str, Any]
        found, tag = self.door.tagged(_path(name), token=self.token)
        return found, tag

    def promote(self, name: str, digest: str, *, if_tag: str) -> Mapping[str, Any]:
        """Give a profile an environment, if it still is as the tag says; an answer that is lost is asked for again.

        Raises:
            RefusedError: it may not, or was changed meanwhile (412).
            UnreachableError: the portal stays away.
        """
        for attempt in range(ATTEMPTS):
            try:
                found: Mapping[str, Any] = self.door.call(
                    "POST", _path(name), token=self.token, body={"digest": digest}, if_match=if_tag
                )
            except ProtocolError as error:
                if not _passing(error) or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(self.pause_s)
            else:
                return found
        raise AssertionError("the last attempt returns or raises")

    def go_back(self, name: str) -> Mapping[str, Any]:
        """Let a profile have what it had before; asked once, since each call goes back one step more.

        Raises:
            RefusedError: there is nothing to go back to, or it may not.
            UnreachableError: the portal does not answer; what the profile has must be looked at.
        """
        _, tag = self.profile(name)
        found: Mapping[str, Any] = self.door.call(
            "POST", _path(name), token=self.token, body={"previous": True}, if_match=tag
        )
        return found


def _path(name: str) -> str:
    return f"{API}/profiles/{quote(name, safe='')}/environment"


def _passing(error: ProtocolError) -> bool:
    """Say whether the same may work later: nobody answered, or the proxy for a portal that starts again."""
    return isinstance(error, UnreachableError) or (isinstance(error, RefusedError) and error.status in {502, 503, 504})
