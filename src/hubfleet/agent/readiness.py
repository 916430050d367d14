"""Whether a server answers: one small HTTP request, by hand, since an agent asks hundreds of servers at once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import quote, urlsplit

Probe = Callable[[str, str], Awaitable[bool]]
"""Gets a server's URL and the path of its own `api`; says whether it answered below 500."""


def path_of(prefix: str) -> str:
    """Return the path that a server answers without sign-in, from its JUPYTERHUB_SERVICE_PREFIX."""
    return quote(prefix.rstrip("/") + "/api", safe="/%@~!$&'()*+,;=:")


async def answers(url: str, path: str) -> bool:
    """Ask a server; never raises."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                words = (await reader.readline()).split()
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError):
        return False
    return len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() and int(words[1]) < 500
