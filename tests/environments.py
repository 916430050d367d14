"""Small environments for tests: their locks, made once, and an agent that makes environments of them."""

from pathlib import Path

import anyio
import uv

from agents import SOFTWARE
from hubfleet._kit import process
from hubfleet._kit.files import write_atomic
from hubfleet.agent.environments import locks
from hubfleet.agent.environments.realise import python_version, realisation_key
from hubfleet.protocol.client import AgentClient

PYTHON = Path("/usr/bin/python3")
SIX = "six==1.16.0 --hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254\n"
"""A lock without a kernel, quickly made."""
_LOCKS = SOFTWARE.parent / "locks"


def lock(*requirements: str) -> str:
    """Return the lock of some requirements as of the first run of these tests, which keeps it for the next ones."""
    path = _LOCKS / f"{'-'.join(requirements).replace('=', '')}.txt"
    if not path.is_file():
        options = ["--quiet", "--generate-hashes", "--only-binary", ":all:", "--python", str(PYTHON), "-"]
        done = process.run([uv.find_uv_bin(), "pip", "compile", *options], stdin="\n".join(requirements), timeout_s=300)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, locks.canonical(done.stdout))
    return path.read_text()


def folder(digest: str) -> Path:
    """Return where the environment of a digest is, or will be, for the agents of tests."""
    return SOFTWARE / "environments" / realisation_key(digest, python_version(PYTHON))


async def made(client: AgentClient, text: str) -> str:
    """Let an agent make an environment of a lock, and return its digest once it is ready."""
    digest = locks.digest(text)
    state = await client.put_environment(digest, text)
    with anyio.fail_after(300):
        while state.state != "ready":
            assert state.state != "failed", state
            await anyio.sleep(0.1)
            state = await client.environment(digest)
    return digest
