"""Environments and files of what people bring, by a real agent."""

import hashlib
import io
import stat
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

from agents import AgentProgram, FakeHub, agent
from building import built, said
from hubfleet.errors import RefusedError
from hubfleet.protocol.builds import BuildState
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.files import MAX_FILES, GivenAnswer, GivenFiles
from integration.agent.test_data_sets import files_of

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

AT = datetime(2024, 6, 1, 12, tzinfo=UTC)
HERE = "https://ocean.test/services/portal/files"
FILES = {"requirements.txt": "six\n", "one.ipynb": "{}", "data/waves.csv": "1,2\n"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProgram]:
    folder = tmp_path_factory.mktemp("agent")
    with FakeHub() as ocean, FakeHub() as maths, agent(folder, {"ocean": ocean, "maths": maths}) as running:
        yield running


def packed(files: Mapping[str, str], *, links: Mapping[str, str] | None = None) -> bytes:
    """Return a zip archive."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        for name, target in (links or {}).items():
            link = zipfile.ZipInfo(name)
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, target)
    return whole.getvalue()


async def give(client: AgentClient, name: str, archive: bytes, *, at: datetime = AT) -> GivenAnswer:
    """Hand an archive over."""
    return await client.put_files(GivenFiles(hub="ocean", repository=f"{HERE}/{name}", title=name, at=at), archive)


async def test_what_somebody_brings_becomes_an_environment_and_a_folder(
    program: AgentProgram, portal: AgentClient
) -> None:
    """By the address that it was given, as of when it was brought; nothing is asked for on the network."""
    answer = await give(portal, "waves", packed({f"my waves/{name}": text for name, text in FILES.items()}))
    build = await built(portal, f"{HERE}/waves")
    assert build.state is BuildState.READY, build
    assert build.commit == answer.commit
    assert build.packages_until == AT.isoformat()
    assert "six==1.16.0 " in build.lock
    assert await files_of(program, "ann", build) == FILES


async def test_the_same_files_are_the_same_commit_and_others_have_no_such_address(portal: AgentClient) -> None:
    """On each cluster and as often as they are sent; the order in an archive counts for nothing."""
    first = await give(portal, "tides", packed(FILES))
    assert await give(portal, "tides", packed(FILES)) == first
    turned = await give(portal, "tides-again", packed(dict(reversed(FILES.items()))))
    assert (await built(portal, f"{HERE}/tides-again")).commit == turned.commit
    with pytest.raises(RefusedError, match="other files have this address") as error:
        await give(portal, "tides", packed({"requirements.txt": "attrs\n"}))
    assert error.value.status == 409
    assert (await built(portal, f"{HERE}/tides")).commit == first.commit


async def test_an_address_without_files_is_no_repository(portal: AgentClient) -> None:
    """Nor is a ref that the files do not have."""
    assert (await built(portal, f"{HERE}/never")).state is BuildState.FAILED
    await give(portal, "plain", packed(FILES))
    failed = await built(portal, f"{HERE}/plain", ref="v1")
    assert (failed.state, failed.message) == (BuildState.FAILED, f"{HERE}/plain has no branch, tag or commit 'v1'")


async def test_a_hub_brings_nothing_to_another(program: AgentProgram, portal: AgentClient) -> None:
    """Not by saying that it is the other, nor by an address that the other uses."""
    await give(portal, "ours", packed(FILES))
    stranger = program.client("portal-maths")
    with pytest.raises(RefusedError) as error:
        await give(stranger, "theirs", packed(FILES))
    assert error.value.status == 404
    failed = await built(stranger, f"{HERE}/ours", hub="maths")
    assert failed.state is BuildState.FAILED
    await stranger.close()


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"PK but no archive", "this is no zip archive"),
        (packed({}), "the archive holds no files"),
        (packed({"../out.txt": ""}), "a path leads out of the archive"),
        (packed({"/etc/out.txt": ""}), "a path leads out of the archive"),
        (packed({f"{number}.txt": "" for number in range(MAX_FILES + 1)}), "the archive holds more than 5,000 files"),
        (packed({"zeros": "0" * 200_000_001}), "the archive unpacks to more than 200,000,000 bytes"),
    ],
    ids=["none", "empty", "up", "root", "many", "large"],
)
async def test_what_cannot_be_taken_is_refused_with_the_reason(
    portal: AgentClient, archive: bytes, reason: str
) -> None:
    """And another try with the same address may succeed."""
    name = f"refused-{hashlib.sha256(archive).hexdigest()[:8]}"
    with pytest.raises(RefusedError, match=reason) as error:
        await give(portal, name, archive)
    assert error.value.status == 422
    assert (await give(portal, name, packed(FILES))).commit


async def test_links_and_gits_own_files_are_left_out(portal: AgentClient) -> None:
    archive = packed({**FILES, ".git/config": "[core]"}, links={"all": "/etc/passwd"})
    answer = await give(portal, "links", archive)
    assert answer.left_out == [".git/config (git's own)", "all (a link or device)"]
    lines = await said(portal, await built(portal, f"{HERE}/links"))
    assert {f"left out: {what}" for what in answer.left_out} <= set(lines)


async def test_an_archive_that_is_too_large_is_not_read(portal: AgentClient) -> None:
    with pytest.raises(RefusedError) as error:
        await give(portal, "huge", b"0" * 24_000_001)
    assert error.value.status == 413
