"""Does a program answer? One blocking GET, for platforms and proof."""

import httpx

UNIX = "unix:"


def get(url: str, *, host: str = "", timeout_s: float = 3.0) -> int | None:
    """Return the status of a GET, or None where nothing answers.

    Args:
        url: `http://…`, or `unix:SOCKET-PATH:/path`.
        host: Host header to send; names below `.localhost` are dialled at 127.0.0.1.
        timeout_s: for connecting and for the answer, each.
    """
    transport, target = _split(url)
    headers = {"Host": host} if host else {}
    try:
        with httpx.Client(transport=transport, timeout=timeout_s) as client:
            return client.get(target, headers=headers).status_code
    except httpx.HTTPError:
        return None


def _split(url: str) -> tuple[httpx.HTTPTransport, str]:
    if url.startswith(UNIX):
        path, _, target = url.removeprefix(UNIX).partition(":")
        return httpx.HTTPTransport(uds=path), f"http://localhost{target}"
    # a program of this machine is asked whether it lives, not who it is
    return httpx.HTTPTransport(verify=False), url
