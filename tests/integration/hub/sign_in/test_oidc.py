"""A real hub whose people sign in at a real OpenID Connect provider."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import programs
from hubfleet.hub.roles import CHECK_USER
from hubfleet.plan.sign_in_proof import proof
from integration.hub.sign_in import oidc
from integration.hub.sign_in.hubs import RealHub, at
from integration.hub.sign_in.oidc import Provider, sign_in
from programs import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def provider(hub: RealHub, tmp_path: Path) -> Iterator[Provider]:
    """A provider for the hub, not started yet."""
    with programs.started(tmp_path) as running:
        yield oidc.make(running, hub.url)


def with_oidc(provider: Provider, **more: Any) -> dict[str, Any]:
    """Return the hub's settings for the provider."""
    fixed = {"client_id": "ocean", "client_secret": {"env": "SECRET"}, "groups_claim": "groups", "name": "Harbour ID"}
    return {"with": "oidc", **fixed, "issuer": provider.url, **more}


def test_sign_in_groups_admins_and_who_is_refused(hub: RealHub, provider: Provider) -> None:
    """People get in by group, as admins by name; groups are those of the file; others and odd names are refused."""
    provider.knows(
        ana={"groups": ["crew", "elsewhere", "listed"]},
        mlee={"groups": []},
        bo={"groups": ["elsewhere"]},
        odd={"groups": "crew"},
        kelvin={"groups": ["crew"], "preferred_username": "\u212aate"},
        nobody={"groups": ["crew"], "preferred_username": ""},
        check={"groups": ["crew"], "preferred_username": CHECK_USER},
        slash={"groups": ["crew"], "preferred_username": "ana/../mlee"},
    )
    provider.start()
    groups = {"crew": {"from": "sign_in"}, "listed": ["mlee"]}
    hub.start(with_oidc(provider), admins=["mlee"], groups=groups, allow={"groups": ["crew"]})
    ana, admin = hub.browser(), hub.browser()
    assert at(sign_in(ana, "ana").url) == f"127.0.0.1:{hub.port}/hub/home"
    assert sign_in(admin, "mlee").status_code == 200
    assert (hub.person("ana")["groups"], hub.person("ana")["admin"]) == (["crew"], False)
    assert (hub.person("mlee")["groups"], hub.person("mlee")["admin"]) == (["listed"], True)
    for name in ("bo", "odd", "kelvin", "nobody", "check", "slash"):
        browser = hub.browser()
        assert sign_in(browser, name).status_code == 403, name
        assert not browser.signed_in()


def test_a_group_lost_at_the_provider_is_access_lost_at_the_next_refresh(hub: RealHub, provider: Provider) -> None:
    """Cookie and API token are a stranger's; with the group back, both work again."""
    provider.knows(ana={"groups": ["crew"]}, bo={"groups": ["crew", "deck"]})
    provider.start()
    groups = {"crew": {"from": "sign_in"}, "deck": {"from": "sign_in"}}
    hub.start(with_oidc(provider), groups=groups, allow={"groups": ["crew"]})
    ana, bo = hub.browser(), hub.browser()
    sign_in(ana, "ana")
    sign_in(bo, "bo")
    token = hub.api("POST", "/users/ana/tokens", json={}).json()["token"]
    provider.knows(ana={"groups": []}, bo={"groups": ["crew"]})
    ana.wait_out()
    assert hub.api("GET", "/user", token=token).status_code == 403
    assert bo.signed_in()
    wait_for("bo's group gone", lambda: bo.signed_in() and hub.person("bo")["groups"] == ["crew"])
    provider.knows(ana={"groups": ["crew"]})
    assert ana.signed_in()
    assert hub.api("GET", "/user", token=token).status_code == 200


def test_a_name_that_changes_at_the_provider_is_not_taken_for_the_old_one(hub: RealHub, provider: Provider) -> None:
    """A session ends when the provider calls the person by another name."""
    provider.knows(ana={})
    provider.start()
    hub.start(with_oidc(provider), allow={"everyone": True})
    ana = hub.browser()
    sign_in(ana, "ana")
    provider.knows(ana={"preferred_username": "mlee"})
    ana.wait_out()


def test_a_provider_that_is_away_throws_nobody_out(hub: RealHub, provider: Provider) -> None:
    """Who is signed in stays, over a hub restart too; who wants to sign in reads why not; then all is well again."""
    provider.knows(ana={"groups": ["crew"]}, bo={"groups": ["crew"]})
    settings = {"groups": {"crew": {"from": "sign_in"}}, "allow": {"groups": ["crew"]}}
    hub.start(with_oidc(provider), **settings)
    early = hub.browser().get("/hub/oauth_login")
    assert (early.status_code, "Harbour ID does not answer just now" in early.text) == (503, True)
    provider.start()
    ana = hub.browser()
    assert sign_in(ana, "ana").status_code == 200
    assert provider.program is not None
    provider.program.kill()
    hub.start(with_oidc(provider), **settings)
    assert ana.signed_in()
    assert hub.person("ana")["groups"] == ["crew"]
    provider.start()
    assert sign_in(hub.browser(), "bo").status_code == 200


def test_an_issuer_that_calls_itself_another_is_not_trusted(hub: RealHub, provider: Provider) -> None:
    """The discovery document must name the issuer of the file."""
    provider.knows()
    provider.start()
    hub.start(with_oidc(provider, issuer=f"http://localhost:{provider.port}"), allow={"everyone": True})
    answer = hub.browser().get("/hub/oauth_login")
    assert (answer.status_code, "not set up rightly" in answer.text) == (503, True)


def test_a_wrong_client_secret_is_said_plainly(hub: RealHub, provider: Provider) -> None:
    """The person reads that the provider refused, not a traceback."""
    provider.knows(ana={})
    provider.start()
    hub.start(with_oidc(provider), allow={"everyone": True}, more_config="c.OAuthenticator.client_secret = 'wrong'\n")
    refused = sign_in(hub.browser(), "ana")
    assert (refused.status_code, "Harbour ID did not accept" in refused.text) == (403, True)


def test_the_redirect_is_what_the_proof_wants(hub: RealHub, provider: Provider) -> None:
    """Login page, client, callback and PKCE, with addresses out of the issuer or given; `next` stays on the hub."""
    provider.knows(ana={})
    provider.start()
    three = {
        name: f"{provider.url}/{path}"
        for name, path in (("authorize_url", "auth"), ("token_url", "token"), ("userdata_url", "me"))
    }
    for sign_in_settings in (with_oidc(provider), with_oidc(provider, issuer=None, **three)):
        wanted = proof(hub.start(sign_in_settings, allow={"everyone": True}))
        assert wanted.redirect is not None
        page = hub.browser().get(wanted.page)
        assert all(text in page.text for text in wanted.contains)
        location = urlsplit(hub.browser().location(wanted.redirect.start))
        query = {key: values[0] for key, values in parse_qs(location.query).items()}
        assert wanted.redirect.host in {"", location.netloc}
        assert query["client_id"] == wanted.redirect.client_id
        assert query["redirect_uri"] == wanted.redirect.redirect_uri
        assert query["code_challenge_method"] == wanted.redirect.code_challenge_method
        for there in ("https://evil.example/hub/home", "//evil.example/hub/home"):
            assert at(sign_in(hub.browser(), "ana", after=there).url) == f"127.0.0.1:{hub.port}/hub/home"
