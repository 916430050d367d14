"""Data sets that mean harm: archives that lead out, grow or lie, endless streams, and servers that send inside."""

import io
import os
import stat
import struct
import subprocess  # noqa: TID251 - what git says of what was stored
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from data_servers import Answer, DataServer, data_server, zipped
from hubfleet.agent.environments.datasets import fetching
from hubfleet.agent.environments.datasets.fetching import DataSets
from hubfleet.agent.environments.datasets.hosts import host
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.launchers import bubblewrap
from hubfleet.errors import BuildError

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture
def data() -> Iterator[DataServer]:
    with data_server() as server:
        yield server


class Fetching:
    """The builder of this machine, and what it stores."""

    def __init__(self, folder: Path, data: DataServer, private_hosts: list[str]) -> None:
        uid = 200_000 if os.geteuid() == 0 else None
        workshop = Workshop(Path("/usr/bin/python3"), {}, uid=uid, bwrap=bubblewrap.find())
        known = {name: host(name, told["kind"], told["api"]) for name, told in data.hosts.items()}
        self.folder = folder / "store"
        self.folder.mkdir()
        workshop.give(self.folder)
        for path in (folder, *list(folder.parents)[:2]):
            path.chmod(0o711)
        self.sets = DataSets(workshop, known, private_hosts=private_hosts)
        self.said: list[str] = []

    async def get(self, address: str) -> str:
        return await self.sets.store(self.folder, address, version="HEAD", say=self.said.append)

    async def refused(self, address: str) -> str:
        with pytest.raises(BuildError) as caught:
            await self.get(address)
        return f"{caught.value.message} | {caught.value.hint}"

    def paths(self, commit: str) -> list[str]:
        command = ["git", "-c", "safe.directory=*", "--git-dir", str(self.folder), "ls-tree", "-r", commit]
        listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        return [f"{line.split()[0]} {line.partition(chr(9))[2]}" for line in listed.splitlines()]

    @property
    def rests(self) -> list[str]:
        """What a fetch that failed has left."""
        found = [*self.folder.glob("fetching-*"), *self.folder.glob("objects/pack/tmp*"), *self.folder.glob("fast_*")]
        return [path.name for path in found]


@pytest.fixture
def fetch(tmp_path: Path, data: DataServer) -> Fetching:
    return Fetching(tmp_path, data, ["127.0.0.1"])


def archive(*entries: tuple[str, bytes, int]) -> bytes:
    """Return a zip archive of entries with a name and a mode of their own."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            opened.writestr(info, content)
    return raw.getvalue()


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "a//b", "./a", "a\nb"])
async def test_an_archive_that_leads_out_is_refused(fetch: Fetching, data: DataServer, name: str) -> None:
    """Nothing of it is stored."""
    bad = archive(("good.txt", b"1", stat.S_IFREG | 0o644), (name, b"2", stat.S_IFREG | 0o644))
    assert ("leads out of the archive" if "\n" not in name else "no file can be called") in await fetch.refused(
        data.zenodo(1, {"bad.zip": bad})
    )
    assert fetch.rests == []


async def test_links_devices_and_gits_own_are_left_out(fetch: Fetching, data: DataServer) -> None:
    """The rest is there, with what may be run, and the log names what is not."""
    file = stat.S_IFREG | 0o644
    made = archive(
        ("run.sh", b"1", stat.S_IFREG | 0o755),
        ('a "quoted" \\ name', b"2", file),
        ("link", b"/etc/shadow", stat.S_IFLNK | 0o777),
        ("pipe", b"", stat.S_IFIFO | 0o644),
        (".git/hooks/post-checkout", b"#!/bin/sh\n", file),
        ("sub/.GIT/config", b"[core]\n", file),
        (".gitattributes", b"* filter=evil\n", file),
        (".gitignore", b"*\n", file),
    )
    commit = await fetch.get(data.zenodo(2, {"x.zip": made}))
    assert fetch.paths(commit) == [
        "100644 .gitattributes",
        "100644 .gitignore",
        '100644 "a \\"quoted\\" \\\\ name"',
        "100755 run.sh",
    ]
    left_out = [text for text in fetch.said if text.startswith("left out: ")]
    assert [text.split()[2] for text in left_out] == ["link", "pipe", ".git/hooks/post-checkout", "sub/.GIT/config"]


async def test_a_bomb_by_its_headers_is_refused(fetch: Fetching, data: DataServer) -> None:
    """10 GB by its list are refused before any of it is unpacked."""
    bomb = bytearray(zipped({"zeros": b"0" * 1000}))
    at = bomb.rindex(b"PK\x01\x02")
    bomb[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFF00)
    assert "unpacks to more than 4,294,967,296 bytes" in await fetch.refused(
        data.zenodo(3, {"bomb.zip": _thrice(bytes(bomb))})
    )
    assert fetch.rests == []


def _thrice(one: bytes) -> bytes:
    """Return an archive that lists its file three times."""
    at, end = one.rindex(b"PK\x01\x02"), one.rindex(b"PK\x05\x06")
    entry, tail = one[at:end], bytearray(one[end:])
    tail[8:12] = struct.pack("<HH", 3, 3)
    tail[12:16] = struct.pack("<I", 3 * len(entry))
    return one[:at] + entry * 3 + bytes(tail)


async def test_an_archive_that_lies_about_a_file_is_refused(fetch: Fetching, data: DataServer) -> None:
    """More or less than its list says ends it, and nothing is stored."""
    for size in (999, 1001):
        lie = bytearray(zipped({"zeros": b"0" * 1000}))
        at = lie.rindex(b"PK\x01\x02")
        lie[at + 24 : at + 28] = struct.pack("<I", size)
        assert "in the archive is damaged" in await fetch.refused(data.zenodo(4, {"lie.zip": bytes(lie)}))
    assert fetch.rests == []


async def test_limits_hold_for_streams_without_an_end(
    fetch: Fetching, data: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, answers and archives are cut off at their limits, and the disk is as before."""
    monkeypatch.setattr(fetching, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(fetching, "MAX_FILES", 100)

    def endless(stream: IO[bytes]) -> None:
        try:
            while True:
                stream.write(b"0" * 65536)
        except OSError:
            return

    first = data.zenodo(5, {"one": b"1", "two": b"2"})
    data.answers["/api/records/5/files/two/content"] = [Answer(stream=endless)]
    assert "larger than 1,000,000 bytes" in await fetch.refused(first)
    data.answers["/api/records/5"] = [Answer(stream=endless)]
    assert "answers with more than 20 MB" in await fetch.refused(first)
    many = zipped({f"{number}": b"" for number in range(101)})
    assert "more than 100 files" in await fetch.refused(data.zenodo(6, {"many.zip": many}))
    bomb = zipped({"zeros": b"0" * 1_000_001})
    assert "unpacks to more than 1,000,000 bytes" in await fetch.refused(data.zenodo(7, {"bomb.zip": bomb}))
    assert fetch.rests == []


async def test_servers_send_nobody_inside(tmp_path: Path, data: DataServer) -> None:
    """Where a DOI leads, a file lies or a redirect points is judged as the first address is."""
    fetch = Fetching(tmp_path, data, ["127.0.0.1"])
    data.doi("10.1/inside", "http://127.0.0.2:9/dataset.xhtml?persistentId=doi:10.1/inside")
    assert "'127.0.0.2' is at a private address" in await fetch.refused("https://doi.org/10.1/inside")
    address = data.zenodo(8, {"one": b"1"})
    for target in ("http://127.0.0.2:9/", "http://[::1]:9/", "http://169.254.169.254/latest/"):
        data.answers["/api/records/8/files/one/content"] = [Answer(status=302, headers={"Location": target})]
        assert "is at a private address" in await fetch.refused(address)
    for target in ("file:///etc/passwd", "ftp://127.0.0.2/x"):
        data.answers["/api/records/8/files/one/content"] = [Answer(status=302, headers={"Location": target})]
        assert await fetch.refused(address)
    data.say("/api/records/8/files", {"entries": [{"key": "x", "links": {"content": "file:///etc/passwd"}}]})
    assert "is no web address" in await fetch.refused(address)
    (tmp_path / "closed").mkdir()
    closed = Fetching(tmp_path / "closed", data, [])
    assert "'127.0.0.1' is at a private address" in await closed.refused(address)


@pytest.mark.parametrize(
    "told",
    [{}, [], {"id": 9, "created": "yesterday", "links": {}}, {"id": 9, "links": {"files": 7}, "created": 3}, "x"],
)
async def test_what_makes_no_sense_is_refused(fetch: Fetching, data: DataServer, told: object) -> None:
    """Whatever a server says, there is a sentence about it."""
    address = data.zenodo(9, {"one": b"1"})
    data.say("/api/records/9", told)
    assert "makes no sense" in await fetch.refused(address)
