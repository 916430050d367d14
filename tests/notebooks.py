"""Running code in a kernel of a real single-user server, as its page would: REST and one websocket."""

import json
import uuid
from typing import Any

import anyio
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect


class KernelDiedError(Exception):
    """The kernel was ended while it ran the code."""


async def start_kernel(url: str, prefix: str, token: str) -> str:
    """Start a kernel and return its id."""
    headers = {"Authorization": f"token {token}"}
    answer = await AsyncHTTPClient().fetch(
        f"{url}{prefix}api/kernels", method="POST", body="{}", headers=headers, request_timeout=30
    )
    return str(json.loads(answer.body)["id"])


async def execute(url: str, prefix: str, token: str, kernel: str, code: str, *, timeout_s: float = 60) -> str:
    """Run code in a kernel and return what it printed, errors included."""
    address = f"{url.replace('http', 'ws', 1)}{prefix}api/kernels/{kernel}/channels"
    channel = await websocket_connect(HTTPRequest(address, headers={"Authorization": f"token {token}"}))
    try:
        with anyio.fail_after(timeout_s):
            await _answered(channel)
            return await _executed(channel, code)
    finally:
        channel.close()


async def _answered(channel: WebSocketClientConnection) -> None:
    """Ask for the kernel's name until it answers and is heard.

    Jupyter Server opens a channel without trying it while it takes the kernel for busy, as it does of one that died in
    a cell and is being started again (`nudge` in jupyter_server's channels.py): what is sent too early is lost.
    """
    while True:
        asked = await _send(channel, "kernel_info_request", {})
        with anyio.move_on_after(1):
            while True:
                said = await _read(channel)
                if said["parent_header"].get("msg_id") == asked and said["msg_type"] == "status":
                    return


async def _executed(channel: WebSocketClientConnection, code: str) -> str:
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    asked = await _send(channel, "execute_request", content)
    printed = ""
    while True:
        said = await _read(channel)
        kind, body = said["msg_type"], said["content"]
        if kind == "status" and body["execution_state"] in {"restarting", "dead"}:
            raise KernelDiedError(printed)
        if said["parent_header"].get("msg_id") != asked:
            continue
        if kind == "stream":
            printed += body["text"]
        if kind == "error":
            printed += "\n".join(body["traceback"])
        if kind == "status" and body["execution_state"] == "idle":
            return printed


async def _send(channel: WebSocketClientConnection, kind: str, content: dict[str, Any]) -> str:
    message_id = uuid.uuid4().hex
    header = {"msg_id": message_id, "msg_type": kind, "username": "", "session": "s", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await channel.write_message(json.dumps(message))
    return message_id


async def _read(channel: WebSocketClientConnection) -> Any:
    raw = await channel.read_message()
    if raw is None:
        raise KernelDiedError("the connection was closed")
    return json.loads(raw)
