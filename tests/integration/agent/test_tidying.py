"""Software keeps below its ceiling, by real folders and a real uv."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubfleet.agent.environments import locks
from hubfleet.agent.environments.own_packages import FACTS
from hubfleet.agent.environments.realise import MARKER, Builder
from hubfleet.agent.environments.software import Environments
from hubfleet.agent.environments.tidying import Tidying, environments
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.testing.clock import FakeClock

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SIZE = 1_000_000
HOURS = 3600


def made(folder: Path, name: str, *, hours_ago: float) -> Path:
    """Put a pretended environment of 1 MB there, which was asked for some hours ago."""
    path = folder / "environments" / name
    path.mkdir(parents=True)
    (path / "data").write_bytes(os.urandom(SIZE))
    (path / MARKER).write_text(name)
    used = NOW.timestamp() - hours_ago * HOURS
    os.utime(path / MARKER, (used, used))
    return path


def tidying(folder: Path, *, ceiling_bytes: float, stay: frozenset[str] = frozenset()) -> Tidying:
    """Return what tidies a folder."""

    async def in_use() -> frozenset[str]:
        return stay

    builder = Builder(folder / "environments", folder / "cache", Workshop(Path(sys.executable), {}))
    gib = ceiling_bytes / 1024**3
    return Tidying(builder, [folder / "repositories"], ceiling_gib=gib, in_use=in_use, clock=FakeClock(NOW))


def left(folder: Path) -> set[str]:
    """Return which environments are there."""
    return {kept.digest for kept in environments(folder / "environments")}


async def test_nothing_goes_below_the_ceiling(tmp_path: Path) -> None:
    """Neither environments nor what saves fetching are touched while there is room."""
    made(tmp_path, "old", hours_ago=1000)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "wheel").write_text("x")
    await tidying(tmp_path, ceiling_bytes=10 * SIZE).round()
    assert left(tmp_path) == {"old"}
    assert (tmp_path / "cache" / "wheel").exists()


async def test_the_cache_goes_before_any_environment(tmp_path: Path) -> None:
    """What can be fetched again makes room first, repositories that nobody asked for lately too."""
    made(tmp_path, "old", hours_ago=1000)
    (tmp_path / "cache" / "archive-v0").mkdir(parents=True)
    (tmp_path / "cache" / "archive-v0" / "wheel").write_bytes(os.urandom(SIZE))
    repository = tmp_path / "repositories" / "ocean" / "abc"
    repository.mkdir(parents=True)
    (repository / "pack").write_bytes(os.urandom(SIZE))
    os.utime(repository, (0, 0))
    await tidying(tmp_path, ceiling_bytes=1.5 * SIZE).round()
    assert left(tmp_path) == {"old"}
    assert not (tmp_path / "cache" / "archive-v0").exists()
    assert not repository.exists()


async def test_wheels_of_repositories_go_that_nobody_used_lately(tmp_path: Path) -> None:
    """They are in the environments that they were built for, which stay."""
    made(tmp_path, "old", hours_ago=1000)
    for name, hours in (("old", 2), ("young", 0.5)):
        facts = tmp_path / "wheels" / name / FACTS
        facts.parent.mkdir(parents=True)
        facts.write_bytes(os.urandom(SIZE // 4))
        used = NOW.timestamp() - hours * HOURS
        os.utime(facts, (used, used))
    await tidying(tmp_path, ceiling_bytes=1.4 * SIZE).round()
    assert left(tmp_path) == {"old"}
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == ["young"]


async def test_the_environment_goes_first_that_nobody_used_longest(tmp_path: Path) -> None:
    """Only as many as must, and nothing of one that goes stays."""
    for name, hours in (("oldest", 300), ("older", 200), ("old", 100)):
        made(tmp_path, name, hours_ago=hours)
    await tidying(tmp_path, ceiling_bytes=2.5 * SIZE).round()
    assert left(tmp_path) == {"older", "old"}
    assert len(list((tmp_path / "environments").iterdir())) == 2


async def test_what_is_in_use_or_was_just_asked_for_stays(tmp_path: Path) -> None:
    """Servers that run keep their environment, and a start that has just begun finds its own."""
    made(tmp_path, "running", hours_ago=300)
    made(tmp_path, "asked", hours_ago=0.5)
    made(tmp_path, "free", hours_ago=200)
    await tidying(tmp_path, ceiling_bytes=1, stay=frozenset({"running"})).round()
    assert left(tmp_path) == {"running", "asked"}


async def test_what_a_portal_sends_again_counts_as_asked_for(tmp_path: Path) -> None:
    """What a hub's profiles have stays so, though nobody starts with it."""
    builder = Builder(tmp_path / "environments", tmp_path / "cache", Workshop(Path(sys.executable), {}))
    lock = "six==1.16.0 --hash=sha256:" + "0" * 64 + "\n"
    digest = locks.digest(lock)
    made(tmp_path, builder.path(digest).name, hours_ago=1000)
    marker = builder.path(digest) / MARKER
    before = marker.stat().st_mtime
    software = Environments(builder, base_lock=lock)
    assert (await software.put(digest, lock)).state == "ready"
    await software.close()
    assert marker.stat().st_mtime > before + HOURS
