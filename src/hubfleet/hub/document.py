"""The portal's document as the hub has it: asked often, kept on disk, and good enough when the portal is away."""

import asyncio
import logging
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from hubfleet._kit.clock import Clock, SystemClock
from hubfleet._kit.files import write_atomic
from hubfleet.errors import ProtocolError, StateError
from hubfleet.model.base import Message
from hubfleet.model.document import HubDocument
from hubfleet.protocol.portal_api import Told

_log = logging.getLogger(__name__)

EVERY_S = 10.0
FRESH_S = 1.0
"""A page is rendered from what was asked for within this time."""
PAGE_WAITS_S = 0.5
"""How long a page or a start waits for the portal; then it goes on with what is known."""


class Portal(Protocol):
    """Who is asked; `PortalApi` is it over HTTP."""

    async def document(self, tag: str) -> Told | None:
        """Return the document, or None where it is the one that the tag names; raises `ProtocolError`."""


class _Kept(Message):
    """What is on disk."""

    tag: str = ""
    document: HubDocument = HubDocument()


class PortalDocument:
    """The last good copy of one hub's document."""

    def __init__(self, path: Path, portal: Portal, *, clock: Clock | None = None) -> None:
        """Take up what an earlier process kept.

        Args:
            path: of the copy.
            portal: who is asked.
            clock: by which its age is counted.
        """
        self._path = path
        self._portal = portal
        self._clock = clock or SystemClock()
        self._kept = _read(path)
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._away = False

    async def fresh(self, within_s: float = FRESH_S) -> HubDocument:
        """Return the document: asked for now if it is older than some seconds, and as known if that takes long."""
        if self._clock.monotonic() - self._asked_at >= within_s:
            await asyncio.wait({self._ask()}, timeout=PAGE_WAITS_S)
        return self._kept.document

    async def keep_up(self) -> None:
        """Ask, and go on with what is known if nobody answers."""
        await asyncio.shield(self._ask())

    def _ask(self) -> asyncio.Task[None]:
        """Ask once, however many wait for the answer."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._round(), name="portal-document")
        return self._asking

    async def _round(self) -> None:
        try:
            told = await self._portal.document(self._kept.tag)
            if told is not None:
                self._kept = _Kept(tag=told.tag, document=told.document)
                await asyncio.to_thread(write_atomic, self._path, self._kept.model_dump_json(), mode=0o600)
        except (ProtocolError, StateError, OSError) as error:
            # told once: this comes every ten seconds
            _log.log(logging.DEBUG if self._away else logging.WARNING, "what the portal told last counts: %s", error)
            self._away = True
        else:
            self._away = False
        self._asked_at = self._clock.monotonic()


def _read(path: Path) -> _Kept:
    try:
        return _Kept.model_validate_json(path.read_text())
    except FileNotFoundError:
        return _Kept()
    except (OSError, ValueError, ValidationError) as error:
        _log.warning("%s cannot be read and is asked for again: %s", path, type(error).__name__)
        return _Kept()
