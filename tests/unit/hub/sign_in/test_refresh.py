"""Refreshing a sign-in: asked again, remembered while nobody can be asked, lost."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyterhub.auth import Authenticator
from tornado.httpclient import HTTPClientError
from traitlets import Unicode

from hubfleet.hub.roles import CHECK_USER
from hubfleet.hub.sign_in.outside import REMEMBERED_S, Outside
from hubfleet.hub.sign_in.rights import Rights

pytestmark = pytest.mark.anyio


class Asked(Authenticator):
    """Stands for oauthenticator: its refresh answers or fails as the test says."""

    login_service = Unicode("Harbour ID")
    answer: Any = False

    async def refresh_user(self, user: Any, handler: Any = None) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Kind(Outside, Asked):
    """A kind whose provider says groups and membership."""

    def said_groups(self, auth_state: dict[str, Any]) -> Any:
        return auth_state.get("groups")

    async def member(self, name: str, model: dict[str, Any]) -> bool:
        if model["auth_state"].get("silent"):
            raise HTTPClientError(502)
        return bool(model["auth_state"].get("member"))


@dataclass
class User:
    """Stands for JupyterHub's person."""

    name: str = "ana"
    kept: dict[str, Any] | None = field(default_factory=lambda: {"proved_at": 1000.0, "groups": ["crew"]})

    async def get_auth_state(self) -> dict[str, Any] | None:
        return self.kept


@dataclass
class Request:
    """Stands for a request: whose, and whether by token."""

    current_user: User | None
    token: str | None = None

    def get_auth_token(self) -> str | None:
        return self.token


def kind(answer: Any, *, now: float = 1000.0, **traits: Any) -> Kind:
    """Return a kind that lets the group crew in."""
    rights = Rights({}, frozenset({"crew"}), frozenset({"crew"}))
    made = Kind(**{"rights": rights, **traits})
    made.answer, made.now = answer, lambda: now  # type: ignore[method-assign]
    return made


AWAY = (HTTPClientError(599), HTTPClientError(502), ConnectionRefusedError())


@pytest.mark.parametrize("error", AWAY)
async def test_a_provider_that_is_away_costs_nobody_the_session(error: Exception) -> None:
    """What it said last counts, on the person's own page too."""
    user = User()
    model = await kind(error).refresh_user(user, Request(user))
    assert isinstance(model, dict)
    assert (model["name"], model["groups"], model["auth_state"]) == ("ana", ["crew"], user.kept)


@pytest.mark.parametrize("error", AWAY)
async def test_what_was_said_last_counts_for_a_day(error: Exception) -> None:
    """A provider that is away for longer proves nobody."""
    user = User()
    assert await kind(error, now=1000 + REMEMBERED_S + 1).refresh_user(user, Request(user)) is False


async def test_what_is_remembered_meets_todays_file() -> None:
    """Somebody whose group the file no longer allows is out, provider or not."""
    user = User()
    assert await kind(ConnectionRefusedError(), rights=Rights({}, frozenset(), frozenset())).refresh_user(user) is False


@pytest.mark.parametrize(("let_in", "expected"), [(True, True), (False, False), (None, False)])
async def test_the_kinds_own_rule_is_remembered(let_in: bool | None, expected: bool) -> None:
    """A membership is not asked of a provider that is away, and not presumed."""
    user = User(kept={"proved_at": 1000.0, "member": True, "let_in": let_in})
    assert bool(await kind(ConnectionRefusedError()).refresh_user(user)) is expected


async def test_a_token_that_ran_out_sends_the_person_to_sign_in_on_their_own_page_only() -> None:
    """A server's request, by token, and an admin's on another's behalf go on with what was said last."""
    user, admin = User(), User("mlee")
    assert await kind(False).refresh_user(user, Request(user)) is False
    for request in (Request(user, token="t"), Request(admin), None):
        assert isinstance(await kind(False).refresh_user(user, request), dict)


@pytest.mark.parametrize("kept", [None, {}, {"groups": ["crew"]}, {"proved_at": 0, "groups": ["crew"]}])
async def test_without_a_recent_proof_nothing_is_remembered(kept: dict[str, Any] | None) -> None:
    """Nothing kept, or nothing that says when it was proven, lets nobody in."""
    for answer in (False, ConnectionRefusedError()):
        assert await kind(answer, now=1e9).refresh_user(User(kept=kept), None) is False


async def test_a_lost_group_is_lost_access() -> None:
    """The provider's new word counts at once."""
    user = User()
    fresh = {"name": "ana", "groups": [], "auth_state": {"member": False}}
    assert await kind(fresh).refresh_user(user, Request(user)) is False
    assert await kind({**fresh, "groups": ["crew"]}).refresh_user(user, Request(user))


@pytest.mark.parametrize("let_in", [True, False])
async def test_a_rule_that_cannot_be_asked_is_remembered(let_in: bool) -> None:
    """Who the person is may be known where their membership is not: its last answer counts, for a day since then."""
    user = User(kept={"proved_at": 1000.0, "let_in": let_in})
    fresh = {"name": "ana", "groups": [], "auth_state": {"silent": True, "proved_at": 5000.0}}
    model = await kind(fresh, now=5000).refresh_user(user)
    assert bool(model) is let_in
    assert not let_in or model["auth_state"] == {"silent": True, "let_in": True, "proved_at": 1000.0}
    assert await kind(fresh, now=1001 + REMEMBERED_S).refresh_user(user) is False


async def test_another_name_is_another_person() -> None:
    """JupyterHub would put the old name over a new one; here the session ends."""
    assert await kind({"name": "bo", "groups": ["crew"], "auth_state": {}}).refresh_user(User()) is False


async def test_the_check_users_tokens_stay_good() -> None:
    """Nobody proves the user of the hub's proof, and nobody has to."""
    assert await kind(False).refresh_user(User(CHECK_USER, None)) is True
