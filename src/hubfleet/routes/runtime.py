"""HAProxy's runtime socket: commands in, text out. Whoever speaks here rules all traffic, so only routes does."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hubfleet.errors import ProtocolError, UnreachableError

_PAYLOAD_BYTES = 8000
"""HAProxy takes a command and its payload in one buffer, of 16 KiB by default."""
_VERSION = re.compile(r"New version created: (\d+)")
_PID = re.compile(r"^Pid: (\d+)$", re.MULTILINE)
_USE = re.compile(r"key=(\w+) use=(\d+) exp=(\d+)")


class RuntimeSocket:
    """One HAProxy's runtime socket."""

    def __init__(self, path: Path, *, timeout_s: float = 5.0) -> None:
        self.path = path
        self._timeout_s = timeout_s

    async def ask(self, command: str) -> str:
        """Send one line (or several commands joined by `;`, or one with a payload) and return the answer.

        Raises:
            UnreachableError: HAProxy does not listen or does not answer in time.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                reader, writer = await asyncio.open_unix_connection(str(self.path))
                try:
                    writer.write(f"{command}\n".encode())
                    await writer.drain()
                    return (await reader.read(-1)).decode(errors="replace")
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise UnreachableError(f"HAProxy does not answer on {self.path}: {error or 'timeout'}") from error

    async def worker(self) -> int:
        """Return the process id of the worker that answers; it changes with each restart and reload.

        Raises:
            UnreachableError: none answers.
        """
        answer = await self.ask("show info")
        found = _PID.search(answer)
        if not found:
            raise UnreachableError(f"HAProxy does not say who it is on {self.path}")
        return int(found[1])

    async def replace_map(self, name: str, lines: Iterable[tuple[str, str]]) -> None:
        """Put new content in the place of a map's, at one moment.

        Raises:
            ProtocolError: HAProxy refused.
            UnreachableError: it went away; the old content stays.
        """
        answer = await self.ask(f"prepare map {name}")
        found = _VERSION.search(answer)
        if not found:
            raise ProtocolError(f"HAProxy does not prepare map {name}: {answer.strip()!r}")
        for payload in _joined((f"{key} {value}" for key, value in lines), "\n"):
            answer = await self.ask(f"add map @{found[1]} {name} <<\n{payload}\n")
            if answer.strip():
                raise ProtocolError(f"HAProxy refuses lines of map {name}: {answer.strip()[:500]!r}")
        answer = await self.ask(f"commit map @{found[1]} {name}")
        if answer.strip():
            raise ProtocolError(f"HAProxy does not commit map {name}: {answer.strip()[:500]!r}")

    async def change_map(self, name: str, changes: Sequence[tuple[str, str, str]]) -> None:
        """Carry out changes `(add|set|del, key, value)` in this order.

        Raises:
            ProtocolError: HAProxy's map was not what the changes suppose.
            UnreachableError: it went away.
        """
        for line in _joined([f"{verb} map {name} {key} {value}".rstrip() for verb, key, value in changes], "; "):
            answer = await self.ask(line)
            if answer.strip():
                raise ProtocolError(f"HAProxy answers {answer.strip()[:500]!r}")

    async def idle_seconds(self, table: str, expire_s: int) -> Mapping[str, float]:
        """Return for how long each key of a stick table that expires after `expire_s` has not been used.

        Raises:
            UnreachableError: HAProxy does not answer.
        """
        answer = await self.ask(f"show table {table}")
        return {
            key: 0.0 if int(use) else max(0.0, expire_s - int(left_ms) / 1000)
            for key, use, left_ms in _USE.findall(answer)
        }


def _joined(parts: Iterable[str], between: str) -> Iterable[str]:
    """Join parts to texts that fit HAProxy's buffer."""
    text = ""
    for part in parts:
        if text and len(text) + len(part) > _PAYLOAD_BYTES:
            yield text
            text = ""
        text += between + part if text else part
    if text:
        yield text
