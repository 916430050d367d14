"""What the portal tells reaches the hub's pages, and a portal that is away or slow costs nobody a page."""

import asyncio
import logging
import stat
from pathlib import Path

import pytest

from hubfleet.errors import ProtocolError, UnreachableError
from hubfleet.hub import document
from hubfleet.hub.document import FRESH_S, PortalDocument
from hubfleet.model.document import HubDocument, NamedEnvironment
from hubfleet.protocol.portal_api import Told
from hubfleet.testing.clock import FakeClock

pytestmark = pytest.mark.anyio
DIGEST = "ab" * 32


def told(name: str) -> HubDocument:
    return HubDocument(environments=(NamedEnvironment(digest=DIGEST, name=name, owner="ann"),))


class FakePortal:
    """Tells a document, whose tag is the name in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tags: list[str] = []
        self.error: ProtocolError | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def document(self, tag: str) -> Told | None:
        self.tags.append(tag)
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return None if tag == self.name else Told(told(self.name), self.name)


async def test_a_page_has_what_is_true_now(tmp_path: Path) -> None:
    """It is asked for again when it may be old, and what did not change is not sent again."""
    portal, clock = FakePortal("waves"), FakeClock()
    kept = PortalDocument(tmp_path / "portal.json", portal, clock=clock)
    assert await kept.fresh() == told("waves")
    portal.name = "tides"
    assert await kept.fresh() == told("waves")
    clock.advance(FRESH_S)
    assert await kept.fresh() == told("tides")
    clock.advance(FRESH_S)
    assert await kept.fresh() == told("tides")
    assert portal.tags == ["", "waves", "tides"]


async def test_a_start_has_what_is_true_at_that_moment(tmp_path: Path) -> None:
    """What a page was rendered from an instant ago is not good enough for it."""
    portal = FakePortal("waves")
    kept = PortalDocument(tmp_path / "portal.json", portal, clock=FakeClock())
    await kept.fresh()
    portal.name = "tides"
    assert await kept.fresh(0) == told("tides")


async def test_the_next_process_has_what_this_one_knew(tmp_path: Path) -> None:
    """With its portal away too; names are for nobody else's eyes."""
    path = tmp_path / "portal.json"
    await PortalDocument(path, FakePortal("waves"), clock=FakeClock()).keep_up()
    away = FakePortal("")
    away.error = UnreachableError("away")
    assert await PortalDocument(path, away, clock=FakeClock()).fresh() == told("waves")
    assert away.tags == ["waves"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_portal_that_is_away_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And again when it was back meanwhile."""
    caplog.set_level(logging.WARNING)
    portal = FakePortal("waves")
    kept = PortalDocument(tmp_path / "portal.json", portal, clock=FakeClock())
    for error in (ProtocolError("no sense"), UnreachableError("away"), None, UnreachableError("away")):
        portal.error = error
        await kept.keep_up()
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "no sense [protocol]",
        "away [unreachable]",
    ]
    assert await kept.fresh() == told("waves")


async def test_a_slow_portal_holds_no_page_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages go on without it, all wait for one answer, and that counts when it comes."""
    monkeypatch.setattr(document, "PAGE_WAITS_S", 0.0)
    portal = FakePortal("waves")
    portal.answers.clear()
    kept = PortalDocument(tmp_path / "portal.json", portal, clock=FakeClock())
    assert await asyncio.gather(kept.fresh(), kept.fresh()) == [HubDocument(), HubDocument()]
    portal.answers.set()
    await kept.keep_up()
    assert await kept.fresh() == told("waves")
    assert portal.tags == [""]


@pytest.mark.parametrize("content", ["{", "[]", '{"document": {"environments": 7}}'])
async def test_a_damaged_copy_is_asked_for_again(tmp_path: Path, content: str) -> None:
    """The hub starts all the same."""
    path = tmp_path / "portal.json"
    path.write_text(content)
    assert await PortalDocument(path, FakePortal("waves"), clock=FakeClock()).fresh() == told("waves")


async def test_a_full_disk_costs_no_page(tmp_path: Path) -> None:
    """What cannot be kept counts until the process ends."""
    kept = PortalDocument(tmp_path / "nowhere" / "portal.json", FakePortal("waves"), clock=FakeClock())
    assert await kept.fresh() == told("waves")
