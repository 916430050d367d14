"""What the kinds share in which somebody outside proves who a person is, by OAuth 2.

A refresh asks the provider again. Where it does not answer, or where its token ran out and no page of the person is at
hand to send them to sign in (a request of their server's, say), what it said last counts on, for a day at most.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError

from hubfleet.hub.sign_in.checked import Checked, Model
from hubfleet.model.settings.hub import HubProgram
from hubfleet.plan.sign_in_proof import CALLBACK

REMEMBERED_S = 24 * 3600.0
"""How long what a provider said last counts, while it cannot be asked."""


class Outside(Checked):
    """Mixed into one of oauthenticator's classes, to its left."""

    now: Callable[[], float] = staticmethod(time.time)

    async def authenticate(self, handler: Any, data: Any = None, **more: Any) -> Model | None:
        """Exchange the code for who it is; what goes wrong outside is said to the person in plain words."""
        try:
            return await super().authenticate(handler, data, **more)
        except HTTPClientError as error:
            self.log.error("%s refused: %s", self.login_service, error)
            if 400 <= error.code < 500:
                message = f"{self.login_service} did not accept this sign-in. Please try once more."
                raise HTTPError(403, message) from error
            raise self.away() from error
        except OSError as error:
            self.log.error("%s does not answer: %s", self.login_service, error)
            raise self.away() from error
        except (ValueError, KeyError, TypeError) as error:
            self.log.error("%s said nothing usable: %r", self.login_service, error)
            raise HTTPError(403, f"{self.login_service} did not say a name by which this hub knows people.") from error

    def away(self) -> HTTPError:
        """Return the error for a provider that does not answer."""
        return HTTPError(503, f"{self.login_service} does not answer just now. Please try again in a few minutes.")

    async def update_auth_model(self, auth_model: Model) -> Model:
        """Note when the provider said this."""
        model: Model = await super().update_auth_model(auth_model)
        model["auth_state"]["proved_at"] = self.now()
        return model

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Return what the provider said of groups; anything but a list of words is none."""
        said = self.said_groups(auth_state)
        return {group for group in said if isinstance(group, str)} if isinstance(said, list | tuple) else set()

    def said_groups(self, auth_state: dict[str, Any]) -> Any:
        """Return the provider's own list of groups, as it came; kinds that have one override it."""
        return ()

    async def lets_in(self, name: str, model: Model) -> bool:
        """Ask the kind's own rule, or remember its last answer where the provider can't be asked."""
        if model.get("remembered"):
            return bool(model["auth_state"].get("let_in"))
        state = model["auth_state"]
        try:
            state["let_in"] = await self.member(name, model)
        except (HTTPClientError, OSError) as error:
            kept = model.get("kept")
            if kept is None or not self._recent(kept):
                raise self.away() from error
            self.log.warning("%s does not say whether %s is a member: %s", self.login_service, name, error)
            state.update(let_in=bool(kept.get("let_in")), proved_at=kept["proved_at"])
        return bool(state["let_in"])

    async def member(self, name: str, model: Model) -> bool:
        """Say whether the provider counts the person among those whom the file names; kinds override it."""
        return False

    async def prove_again(self, user: Any, handler: Any) -> Model | None:
        """Ask the provider again, or remember."""
        model: Model | bool
        try:
            model = await super(Checked, self).refresh_user(user, handler)
            away = False
        except (HTTPClientError, OSError) as error:
            self.log.warning("%s does not answer, to refresh %s: %s", self.login_service, user.name, error)
            model, away = False, True
        except (HTTPError, ValueError, KeyError, TypeError) as error:
            self.log.warning("%s no longer knows %s: %r", self.login_service, user.name, error)
            return None
        if isinstance(model, dict):
            return {**model, "kept": await user.get_auth_state() or {}}
        return None if not away and _own_page(user, handler) else await self.remembered(user)

    async def remembered(self, user: Any) -> Model | None:
        """Return what the provider said last, unless that is too long ago."""
        kept = await user.get_auth_state()
        if not kept or not self._recent(kept):
            return None
        groups = await self.get_user_groups(kept)
        return {"name": user.name, "groups": sorted(groups), "auth_state": kept, "remembered": True}

    def _recent(self, kept: dict[str, Any]) -> bool:
        return self.now() - float(kept.get("proved_at", 0)) <= REMEMBERED_S


def _own_page(user: Any, handler: Any) -> bool:
    """Say whether the request is the person's own by cookie, so that they can be sent to sign in."""
    return handler is not None and handler.get_auth_token() is None and handler.current_user is user


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str], *, scope: Iterable[str] | None = None) -> None:
    """Set what all of oauthenticator's classes have in common."""
    client = program.hub.sign_in
    c.OAuthenticator.client_id = getattr(client, "client_id", "")
    c.OAuthenticator.client_secret = secret("client-secret")
    c.OAuthenticator.oauth_callback_url = f"{program.public_url}{CALLBACK}"
    c.OAuthenticator.enable_pkce = True
    c.OAuthenticator.http_request_kwargs = {"connect_timeout": 10, "request_timeout": 20}
    if scope is not None:
        c.OAuthenticator.scope = list(scope)
    c.Authenticator.enable_auth_state = True
    c.CryptKeeper.keys = [secret("crypt")]
