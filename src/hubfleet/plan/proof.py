"""Proves a hub: a real server, asked for through the front door, runs a real notebook.

It never uses a person's sign-in: a service of the hub that reaches only the user `hubfleet-check` gives it a token for
ten minutes. That people can sign in is proven apart: the page is right and, for OAuth, sends browsers where it should.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hubfleet.errors import HubfleetError, ProofError, RefusedError
from hubfleet.plan.proof_server import LOOK_S, ProofServer
from hubfleet.plan.sign_in_proof import Redirect, SignInProof
from hubfleet.protocol.front_door import FrontDoor

CHECK_USER = "hubfleet-check"
TOKEN_S = 600
ROUTE_S = 10.0

NOTEBOOK: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("sum(number * number for number in range(10))", {"text/plain": "285"}),
    (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()",
        {"image/png": "iVBORw0KGgo"},
    ),
)
"""Cells, and how an output of each must begin: arithmetic, and a plot as PNG."""


def prove(
    door: FrontDoor, sign_in: SignInProof, service_token: str, *, tell: Callable[[str], None] = lambda _text: None
) -> None:
    """Prove one hub.

    Args:
        door: the hub's front door.
        sign_in: what must be seen of its sign-in.
        service_token: token of the hub's service for proofs.
        tell: called with each step.

    Raises:
        ProofError: with the step that failed and what was seen.
    """
    step = [""]
    server = ProofServer(door, service_token, CHECK_USER)

    def begin(text: str) -> None:
        step[0] = text
        tell(text)

    try:
        begin("people can sign in")
        _sign_in(door, sign_in)
        begin("a token for the proof's own user")
        token = _token(door, service_token)
        try:
            begin("a server starts")
            path, host = server.start({})
            begin("a notebook runs")
            _run(door, path, host, token)
            begin("the server stops")
        finally:
            server.stop()
    except ProofError:
        raise
    except HubfleetError as error:
        raise ProofError(f"{door.url}: {step[0]}: {error.message}", hint=error.hint) from error


def _sign_in(door: FrontDoor, wanted: SignInProof) -> None:
    end = time.monotonic() + ROUTE_S
    # a hub that listens has its route a moment later, and the proxy answers 503 until then
    while (answer := door.get(wanted.page)).status_code == 503 and time.monotonic() < end:
        time.sleep(LOOK_S)
    if answer.status_code != 200:
        raise ProofError(
            f"{door.url}: the sign-in page answers {answer.status_code}", hint="hubfleet logs shows what the hub says"
        )
    missing = [text for text in wanted.contains if text not in answer.text]
    if missing:
        raise ProofError(f"{door.url}: the sign-in page lacks {', '.join(missing)}")
    if wanted.redirect is not None:
        _redirect(door, wanted.redirect)


def _redirect(door: FrontDoor, wanted: Redirect) -> None:
    """Hold the way to an OAuth provider to what the provider has registered; nobody signs in."""
    answer = door.get(wanted.start)
    if answer.status_code != 302:
        raise ProofError(
            f"{door.url}: the way to the sign-in provider answers {answer.status_code}", hint=answer.text[:300].strip()
        )
    target = urlsplit(answer.headers["location"])
    given = {name: values[0] for name, values in parse_qs(target.query).items()}
    expected = {name: str(getattr(wanted, name)) for name in ("client_id", "redirect_uri", "code_challenge_method")}
    wrong = [name for name, value in expected.items() if given.get(name) != value]
    if wanted.host and target.netloc != wanted.host:
        raise ProofError(f"{door.url}: signing in leads to {target.netloc!r}, not to {wanted.host!r}")
    if wrong:
        name = wrong[0]
        raise ProofError(
            f"{door.url}: signing in sends {name} {given.get(name)!r}, not {expected[name]!r}",
            hint="compare with what the provider has registered for this hub",
        )


def _token(door: FrontDoor, service: str) -> str:
    try:
        door.call("POST", f"/hub/api/users/{CHECK_USER}", token=service)
    except RefusedError as error:
        if error.status != 409:
            raise
    answer = door.call(
        "POST",
        f"/hub/api/users/{CHECK_USER}/tokens",
        token=service,
        body={"expires_in": TOKEN_S, "note": "hubfleet prove", "scopes": ["access:servers!user", "read:users!user"]},
    )
    return str(answer["token"])


def _run(door: FrontDoor, path: str, host: str, token: str) -> None:
    kernel = door.call("POST", f"{path}api/kernels", token=token, body={"name": "python3"}, host=host)
    for code, wanted in NOTEBOOK:
        outputs = door.execute(f"{path}api/kernels/{kernel['id']}/channels", code, token=token, host=host)
        shown = [output.get("data", {}) for output in outputs]
        for kind, beginning in wanted.items():
            if not any(str(item.get(kind, "")).startswith(beginning) for item in shown):
                raise ProofError(
                    f"{door.url}: a cell of the notebook gave no {kind} as expected: {_said(outputs)}",
                    hint="start a server there and run the cell by hand",
                )


def _said(outputs: list[dict[str, Any]]) -> str:
    """Return what a cell said, shortened."""
    for output in outputs:
        if output["output_type"] == "error":
            return f"{output.get('ename')}: {output.get('evalue')}"[:300]
    return "; ".join(str(output.get("text") or list(output.get("data", {})))[:100] for output in outputs) or "nothing"
