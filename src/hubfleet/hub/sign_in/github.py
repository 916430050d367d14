"""GitHub, or GitHub Enterprise."""

from collections.abc import Callable
from typing import Any

from oauthenticator.github import GitHubOAuthenticator
from tornado.httpclient import HTTPClientError

from hubfleet.hub.sign_in import outside
from hubfleet.hub.sign_in.checked import Checked, Model
from hubfleet.hub.sign_in.outside import Outside
from hubfleet.model.settings.hub import HubProgram
from hubfleet.model.sign_in import GitHub as GitHubSettings


class GitHub(Outside, GitHubOAuthenticator):
    """GitHub, with the hub's own rules; its teams are groups by the name `organization:team`."""

    async def member(self, name: str, model: Model) -> bool:
        """Ask GitHub for membership in the organisations and teams of the file."""
        return bool(await GitHubOAuthenticator.check_allowed(self, name, model))

    async def httpfetch(self, url: str, *given: Any, **more: Any) -> Any:
        """Ask GitHub; an answer that is none (an outage, too many questions) is an error, never "not a member"."""
        answer = await super().httpfetch(url, *given, **more)
        code = getattr(answer, "code", 200)
        limited = code == 403 and answer.headers.get("X-RateLimit-Remaining") == "0"
        if code >= 500 or code == 429 or limited:
            raise HTTPClientError(code, response=answer)
        return answer

    def said_groups(self, auth_state: dict[str, Any]) -> Any:
        """Return teams as `organization:team`, by the names that stand in addresses."""
        return [f"{team['organization']['login']}:{team['slug']}" for team in auth_state.get("teams", ())]


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> type[Checked]:
    """Set where GitHub is and who is let in; membership that a person hides needs the right to read it."""
    sign_in = program.hub.sign_in
    assert isinstance(sign_in, GitHubSettings)
    asks_teams = any(group.source == "sign_in" for group in program.hub.groups.values())
    outside.set_up(c, program, secret, scope=["read:org"] if sign_in.organizations or asks_teams else [])
    c.GitHubOAuthenticator.github_url = sign_in.server.rstrip("/")
    c.GitHubOAuthenticator.allowed_organizations = set(sign_in.organizations)
    c.GitHubOAuthenticator.populate_teams_in_auth_state = asks_teams
    return GitHub
