"""Quotas kept by a real file system, and servers in homes that are full."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import FakeHub, agent, reached, server_id, server_request
from disks import disk_with_quotas, small_disk
from hubfleet.agent.homes.quota import HomeQuotas
from hubfleet.errors import CommandError
from hubfleet.protocol.messages import ServerState, StopReason
from notebooks import execute, start_kernel

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a disk"),
]
MIB = 1024**2
LIMIT_GIB = 4 / 1024


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Path]:
    """Homes of ann and bob on a file system with project quotas."""
    try:
        with disk_with_quotas(tmp_path / "homes"):
            for person in ("ann", "bob"):
                (tmp_path / "homes" / person).mkdir()
            yield tmp_path / "homes"
    except CommandError as error:
        pytest.skip(f"this machine keeps no project quotas: {error}")


def write(path: Path, mib: int) -> int:
    """Write as much; return the error's number, or 0."""
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(mib * 16):
                file.write(bytes(MIB // 16))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno or -1
    return 0


def as_person(homes: Path, person: str, mib: int) -> int:
    """Write in a home as its person, whom no right lets past a quota."""
    child = os.fork()
    if not child:
        # before it loses the right to pass through the test's own folder
        os.chdir(homes / person)
        os.setuid(201_000)
        os._exit(write(Path("more"), mib))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_home_takes_no_more_than_its_quota_and_others_are_not_touched(homes: Path) -> None:
    """A new limit holds at once; without one there is none."""
    quotas = HomeQuotas(homes)
    assert quotas.ability().state == "full"
    for number, person in enumerate(("ann", "bob"), start=201_000):
        (homes / person).chmod(0o777)
        quotas.keep(homes / person, number, LIMIT_GIB)
    assert as_person(homes, "ann", 3) == 0
    assert as_person(homes, "ann", 6) == errno.EDQUOT
    assert as_person(homes, "bob", 3) == 0
    quotas.keep(homes / "ann", 201_000, 2 * LIMIT_GIB)
    assert as_person(homes, "ann", 6) == 0
    quotas.keep(homes / "ann", 201_000, 0)
    assert as_person(homes, "ann", 12) == 0


def test_what_was_there_before_counts_and_what_links_lead_to_does_not(homes: Path) -> None:
    """A home of older times is given to its project, pipes and links in it left alone."""
    deep = homes / "ann" / "a" / "b"
    deep.mkdir(parents=True)
    assert write(deep / "old", 3) == 0
    assert write(homes / "bob" / "own", 3) == 0
    os.mkfifo(deep / "pipe")
    (deep / "link").symlink_to(homes / "bob")
    (homes / "ann").chmod(0o777)
    HomeQuotas(homes).keep(homes / "ann", 201_000, LIMIT_GIB)
    assert as_person(homes, "ann", 2) == errno.EDQUOT
    (deep / "old").unlink()
    assert as_person(homes, "ann", 3) == 0


async def test_a_server_starts_and_computes_in_a_home_without_a_byte_left(tmp_path: Path) -> None:
    """So that its person can delete something."""
    with FakeHub() as hub, agent(tmp_path, {"ocean": hub}) as program:
        client = program.client("ocean")
        server = server_id("ocean", "ann")
        await client.start_server(server, server_request("ocean", "ann"), idempotency_key="first")
        await reached(client, server, ServerState.RUNNING)
        await client.stop_server(server, StopReason.PERSON)
        await reached(client, server, ServerState.STOPPED)
        (home,) = (program.folder / "data/homes/ocean").glob("ann-*")
        owner = home.stat()
        with small_disk(home, 1):
            os.chown(home, owner.st_uid, owner.st_gid)
            write(home / "ballast", 2)
            await client.start_server(server, server_request("ocean", "ann"), idempotency_key="second")
            running = await reached(client, server, ServerState.RUNNING)
            kernel = await start_kernel(running.url, "/user/ann/", "owner-of-ann")
            code = "import os; os.unlink('ballast'); print(open('kept', 'w').write('x'))"
            assert (await execute(running.url, "/user/ann/", "owner-of-ann", kernel, code)).strip() == "1"
            await client.stop_server(server, StopReason.PERSON)
            await reached(client, server, ServerState.STOPPED)
        await client.close()
