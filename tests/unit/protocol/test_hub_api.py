"""JupyterHub's answers are understood, or taken for what they are."""

import httpx
import pytest
from pydantic import SecretStr

from hubfleet.errors import ProtocolError, RefusedError, UnreachableError
from hubfleet.protocol.hub_api import HubApi

pytestmark = pytest.mark.anyio


class Answers(httpx.AsyncBaseTransport):
    """Answers each request alike, or not at all."""

    def __init__(self, status: int, text: str = "") -> None:
        self.status, self.text = status, text
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if not self.status:
            raise httpx.ConnectError("refused")
        return httpx.Response(self.status, text=self.text)


def api(status: int, text: str = "") -> tuple[HubApi, Answers]:
    answers = Answers(status, text)
    return HubApi("http://hub:8081/hub/api/", transport=answers), answers


async def exchange(hub: HubApi) -> SecretStr:
    return await hub.exchange_code("c", client="x", secret=SecretStr("s"), redirect_uri="/r", verifier="v")


async def test_a_token_names_its_owner() -> None:
    """Name, kind, groups and scopes are read, and what newer hubs say besides is left."""
    hub, answers = api(200, '{"kind": "user", "name": "ann", "groups": ["g"], "scopes": ["a"], "new": 1}')
    found = await hub.whoami("t")
    assert found is not None
    assert (found.name, found.groups, found.scopes) == ("ann", ["g"], ["a"])
    assert str(answers.asked[0].url) == "http://hub:8081/hub/api/user"
    assert answers.asked[0].headers["authorization"] == "token t"


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "\u00e9", "x" * 2000])
async def test_what_cannot_be_a_token_is_not_asked_about(token: str) -> None:
    """It fits in no header."""
    hub, answers = api(200, '{"name": "ann"}')
    assert await hub.whoami(token) is None
    assert answers.asked == []


@pytest.mark.parametrize("status", [401, 403])
async def test_an_unknown_token_is_nobodys(status: int) -> None:
    """JupyterHub says 403."""
    assert await api(status)[0].whoami("t") is None


@pytest.mark.parametrize("status", [0, 500, 502, 503])
async def test_a_hub_that_does_not_answer_may_do_so_later(status: int) -> None:
    """Whether it refuses the connection or fails."""
    with pytest.raises(UnreachableError):
        await api(status)[0].whoami("t")
    with pytest.raises(UnreachableError):
        await exchange(api(status)[0])


@pytest.mark.parametrize(
    ("status", "text"), [(200, ""), (200, "{}"), (200, '{"name": ""}'), (200, "[1]"), (404, "{}"), (302, "")]
)
async def test_an_answer_that_makes_no_sense_names_nobody(status: int, text: str) -> None:
    """It is never taken for a person."""
    with pytest.raises(ProtocolError):
        await api(status, text)[0].whoami("t")


async def test_a_code_is_exchanged_for_a_token() -> None:
    """The token is kept out of what is printed."""
    hub, answers = api(200, '{"access_token": "secret", "token_type": "Bearer"}')
    token = await exchange(hub)
    assert (token.get_secret_value(), str(token)) == ("secret", "**********")
    assert b"code_verifier=v" in answers.asked[0].content


async def test_a_code_that_is_refused_is_told() -> None:
    """An old code is the person's to try again; an answer without a token is the hub's fault."""
    with pytest.raises(RefusedError):
        await exchange(api(400, "{}")[0])
    for text in ("", "{}", "[]", "1"):
        with pytest.raises(ProtocolError):
            await exchange(api(200, text)[0])
