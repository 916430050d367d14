"""Running code in a kernel of a real single-user server, as its page would: REST and one websocket."""

import json
import uuid

import anyio
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect


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
    message_id = uuid.uuid4().hex
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    header = {"msg_id": message_id, "msg_type": "execute_request", "username": "", "session": "s", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await channel.write_message(json.dumps(message))
    printed = ""
    try:
        with anyio.fail_after(timeout_s):
            while True:
                raw = await channel.read_message()
                if raw is None:
                    raise KernelDiedError(printed)
                said = json.loads(raw)
                kind, body = said["msg_type"], said["content"]
                if kind == "status" and body["execution_state"] in {"restarting", "dead"}:
                    raise KernelDiedError(printed)
                if said["parent_header"].get("msg_id") != message_id:
                    continue
                if kind == "stream":
                    printed += body["text"]
                if kind == "error":
                    printed += "\n".join(body["traceback"])
                if kind == "status" and body["execution_state"] == "idle":
                    return printed
    finally:
        channel.close()
