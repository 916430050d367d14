"""A real hub whose people sign in at GitHub, Google or CILogon, spoken by a fake."""

from collections.abc import Iterator
from typing import Any

import pytest

from hubfleet.plan.sign_in_proof import proof
from integration.hub.sign_in import fakes
from integration.hub.sign_in.fakes import FakeProvider
from integration.hub.sign_in.hubs import Browser, RealHub
from programs import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CLIENT = {"client_id": "ocean", "client_secret": {"env": "SECRET"}}


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """The provider."""
    with fakes.provider() as found:
        yield found


def come_in(hub: RealHub, fake: FakeProvider, person: str) -> Browser:
    """Return the browser of somebody who tried to sign in."""
    browser = hub.browser()
    fake.signs_in = person
    browser.get("/hub/oauth_login?next=/hub/home")
    return browser


def github(fake: FakeProvider, *organizations: str) -> dict[str, Any]:
    """Return a sign-in at a GitHub Enterprise server."""
    return {"with": "github", **CLIENT, "server": fake.url, "organizations": list(organizations)}


def test_github_lets_members_of_organizations_and_teams_in(hub: RealHub, fake: FakeProvider) -> None:
    """Members of an organisation or team, and who is listed; teams are groups; who leaves is out at a refresh."""
    fake.people = {name: {"login": name, "email": None} for name in ("Ana", "bo", "cy", "dee")}
    fake.organizations = {"ocean-lab": {"Ana", "ana"}, "reef/divers": {"bo", "Ana", "ana"}}
    told = hub.start(
        github(fake, "ocean-lab", "reef:divers"),
        allow={"people": ["cy"]},
        groups={"reef:divers": {"from": "sign_in"}, "staff": ["ana"]},
    )
    browsers = {name: come_in(hub, fake, name) for name in fake.people}
    assert {name: browser.signed_in() for name, browser in browsers.items()} == {
        "Ana": True,
        "bo": True,
        "cy": True,
        "dee": False,
    }
    assert sorted(hub.person("ana")["groups"]) == ["reef:divers", "staff"]
    wanted = proof(told).redirect
    assert wanted is not None
    asked = fake.redirects[0]
    assert (asked["client_id"], asked["redirect_uri"]) == (wanted.client_id, wanted.redirect_uri)
    assert (asked["scope"], asked["code_challenge_method"]) == ("read:org", "S256")
    fake.organizations["reef/divers"] = set()
    browsers["bo"].wait_out()
    wait_for("ana's team gone", lambda: browsers["Ana"].signed_in() and hub.person("ana")["groups"] == ["staff"])


def google_at(fake: FakeProvider) -> str:
    """Return configuration that takes the fake for Google."""
    authorize = f"c.OAuthenticator.authorize_url = '{fake.url}/o/oauth2/v2/auth'"
    return f"c.GoogleOAuthenticator.google_api_url = '{fake.url}'\n{authorize}\n"


def test_google_lets_a_workspace_in_by_its_own_word(hub: RealHub, fake: FakeProvider) -> None:
    """The domain's people by the claim `hd`, not by address; outsiders by name; nobody with an unverified address."""

    def person(email: str, *, verified: bool = True, **more: str) -> dict[str, Any]:
        return {"email": email, "verified_email": verified, **more}

    fake.people = {
        "ana": person("ana@lab.org", hd="lab.org"),
        "thief": person("mlee@lab.org"),
        "guest": person("guest@gmail.com"),
        "stranger": person("stranger@gmail.com"),
        "unverified": person("bo@lab.org", verified=False, hd="lab.org"),
    }
    urls = google_at(fake)
    hub.start(
        {"with": "google", **CLIENT, "domains": ["lab.org"]},
        allow={"people": ["guest@gmail.com"]},
        admins=["mlee"],
        more_config=urls,
    )
    inside = {name: come_in(hub, fake, name).signed_in() for name in fake.people}
    assert inside == {"ana": True, "thief": False, "guest": True, "stranger": False, "unverified": False}
    assert hub.person("ana")["name"] == "ana"
    assert hub.person("guest@gmail.com")["name"] == "guest@gmail.com"
    hub.start({"with": "google", **CLIENT}, allow={"everyone": True}, more_config=urls)
    assert come_in(hub, fake, "stranger").signed_in()
    assert not come_in(hub, fake, "unverified").signed_in()


def test_google_sessions_outlast_the_hour_of_an_access_token(hub: RealHub, fake: FakeProvider) -> None:
    """The refresh token, which comes at the first sign-in only, is kept over the second one."""
    fake.people = {"ana": {"email": "ana@lab.org", "verified_email": True, "hd": "lab.org"}}
    fake.refresh_tokens = True
    urls = google_at(fake)
    hub.start({"with": "google", **CLIENT, "domains": ["lab.org"]}, more_config=urls)
    come_in(hub, fake, "ana")
    ana = come_in(hub, fake, "ana")
    hub.start({"with": "google", **CLIENT, "domains": ["lab.org"]}, more_config=urls)
    fake.forget_tokens()
    assert ana.signed_in()
    assert list(fake.tokens.values()) == ["ana"]
    fake.refresh.clear()
    fake.forget_tokens()
    token = hub.api("POST", "/users/ana/tokens", json={}).json()["token"]
    ana.wait_out()
    assert hub.api("GET", "/user", token=token).status_code == 200


def test_cilogon_names_people_by_their_identity_provider(hub: RealHub, fake: FakeProvider) -> None:
    """Providers of the file only, with their domains, prefix and cut-off domain; groups by claim."""
    uni, other = "https://idp.uni.edu/shibboleth", "https://github.com/login/oauth/authorize"
    fake.people = {
        "ana": {"idp": uni, "email": "Ana@uni.edu", "isMemberOf": "crew,deck"},
        "guest": {"idp": uni, "email": "guest@elsewhere.org"},
        "named-so": {"idp": uni, "email": "uni.edu"},
        "bo": {"idp": other, "preferred_username": "bo"},
        "unknown": {"idp": "https://idp.elsewhere.org", "email": "ana@uni.edu"},
    }
    urls = "\n".join(
        f"c.OAuthenticator.{name} = '{fake.url}/{path}'"
        for name, path in (
            ("authorize_url", "authorize"),
            ("token_url", "oauth2/token"),
            ("userdata_url", "oauth2/userinfo"),
        )
    )
    providers = {
        uni: {"domains": ["uni.edu"], "strip_domain": "uni.edu", "prefix": "uni"},
        other: {"username_claim": "preferred_username", "prefix": "gh"},
    }
    hub.start(
        {"with": "cilogon", **CLIENT, "identity_providers": providers, "groups_claim": "isMemberOf"},
        groups={"crew": {"from": "sign_in"}},
        more_config=urls,
    )
    inside = {name: come_in(hub, fake, name).signed_in() for name in fake.people}
    assert inside == {"ana": True, "guest": False, "named-so": False, "bo": True, "unknown": False}
    assert hub.person("uni:ana")["groups"] == ["crew"]
    assert hub.person("gh:bo")["groups"] == []
    assert set(fake.redirects[0]["selected_idp"].split(",")) == set(providers)
