"""Signing in to a real hub with the shared password."""

import httpx
import pytest

from hubfleet.hub.roles import CHECK_USER
from hubfleet.plan.sign_in_proof import proof
from integration.hub.sign_in.hubs import ADMIN_PASSWORD, PASSWORD, RealHub, at
from programs import wait_for

pytestmark = pytest.mark.integration

SHARED = {"with": "shared-password"}


def test_people_and_admins_sign_in_each_with_their_password(hub: RealHub) -> None:
    """Each password works for its own kind of person only, and only admins are admins."""
    hub.start(SHARED, allow={"everyone": True}, admins=["mlee"], groups={"staff": ["ana"]})
    ana, admin = hub.browser(), hub.browser()
    assert ana.sign_in("Ana", PASSWORD).status_code == 200
    assert admin.sign_in("mlee", ADMIN_PASSWORD).status_code == 200
    assert (ana.signed_in(), admin.signed_in()) == (True, True)
    assert hub.browser().sign_in("mlee", PASSWORD).status_code == 403
    assert hub.browser().sign_in("ana", ADMIN_PASSWORD).status_code == 403
    assert (hub.person("ana")["admin"], hub.person("mlee")["admin"]) == (False, True)
    assert hub.person("ana")["groups"] == ["staff"]


def test_nobody_signs_in_whom_no_rule_allows(hub: RealHub) -> None:
    """The right password lets in who is listed by name or group, not others, and never the check's user."""
    hub.start(SHARED, allow={"people": ["ana"], "groups": ["staff"]}, groups={"staff": ["bo"]})
    for name in ("ana", "bo"):
        assert hub.browser().sign_in(name, PASSWORD).status_code == 200
    hub.api("POST", "/users/cy")
    for name in ("cy", "dee", CHECK_USER, "a/b", "..", "x" * 300, "bo\u200b", "\u212aate"):
        browser = hub.browser()
        assert browser.sign_in(name, PASSWORD).status_code == 403, name
        assert not browser.signed_in()


def test_odd_names_and_passwords_are_safe(hub: RealHub) -> None:
    """Names with spaces, accents and `@` get in and come back as typed; a form with odd content is refused plainly."""
    hub.start(SHARED, allow={"everyone": True})
    for name in ("ana maría", "gül@example.org", "o'hara & <i>"):
        browser = hub.browser()
        assert browser.sign_in(name, PASSWORD).status_code == 200
        assert browser.signed_in()
    assert hub.browser().sign_in("ana", "pässwörd").status_code == 403


def test_who_is_taken_off_the_file_loses_session_token_and_groups(hub: RealHub) -> None:
    """After a restart without their name, a person's cookie and API token are a stranger's, and groups are gone."""
    hub.start(SHARED, allow={"people": ["ana", "bo"]}, admins=["mlee"], groups={"staff": ["ana", "bo"]})
    ana, bo, admin = hub.browser(), hub.browser(), hub.browser()
    ana.sign_in("ana", PASSWORD)
    bo.sign_in("bo", PASSWORD)
    admin.sign_in("mlee", ADMIN_PASSWORD)
    token = hub.api("POST", "/users/ana/tokens", json={}).json()["token"]
    assert hub.api("GET", "/user", token=token).status_code == 200
    hub.start(SHARED, allow={"people": ["bo"]}, admins=["bo"], groups={"staff": ["mlee"]})
    assert (hub.person("bo")["groups"], hub.person("bo")["admin"]) == ([], True)
    assert (hub.person("mlee")["groups"], hub.person("mlee")["admin"]) == (["staff"], False)
    assert "admin" not in hub.person("mlee")["roles"]
    assert (ana.signed_in(), bo.signed_in(), admin.signed_in()) == (False, True, False)
    assert hub.api("GET", "/user", token=token).status_code == 403
    hub.start(SHARED, allow={"people": ["ana"]})
    assert ana.signed_in()
    assert hub.api("GET", "/user", token=token).status_code == 200


def test_a_blocked_person_loses_the_session(hub: RealHub) -> None:
    """JupyterHub's own list of blocked people, given as a trait, counts at the next refresh too."""
    hub.start(SHARED, allow={"everyone": True})
    ana = hub.browser()
    ana.sign_in("ana", PASSWORD)
    hub.start(SHARED, allow={"everyone": True}, more_config="c.Authenticator.blocked_users = {'ana'}\n")
    assert not ana.signed_in()


def test_what_an_admin_changes_by_hand_is_put_right_at_the_next_refresh(hub: RealHub) -> None:
    """Groups and admins have one owner, the file."""
    hub.start(SHARED, allow={"everyone": True}, admins=["mlee"], groups={"staff": ["bo"]})
    ana = hub.browser()
    ana.sign_in("ana", PASSWORD)
    token = hub.api("POST", "/users/mlee/tokens", json={}).json()["token"]
    assert hub.api("PATCH", "/users/ana", token=token, json={"admin": True}).json()["admin"]
    hub.api("POST", "/groups/staff", token=token)
    hub.api("POST", "/groups/staff/users", token=token, json={"users": ["ana"]})
    assert "ana" in hub.api("GET", "/groups/staff", token=token).json()["users"]

    def right() -> bool:
        return ana.signed_in() and hub.person("ana")["groups"] == [] and not hub.person("ana")["admin"]

    wait_for("the file's word", right, timeout_s=20)


def test_the_check_user_works_by_token_alone(hub: RealHub) -> None:
    """A proof's token of the user who can't sign in stays good over refreshes."""
    hub.start(SHARED, allow={"people": ["ana"]})
    assert hub.api("POST", f"/users/{CHECK_USER}").status_code == 201
    token = hub.api("POST", f"/users/{CHECK_USER}/tokens", json={}).json()["token"]
    assert hub.api("GET", "/user", token=token).json()["name"] == CHECK_USER


def test_the_login_form_keeps_to_this_hub(hub: RealHub) -> None:
    """`next` to another host is not followed, and a form without the XSRF token signs nobody in."""
    hub.start(SHARED, allow={"everyone": True})
    for there in ("https://evil.example/", "//evil.example/", "/\\evil.example/", "http:evil.example"):
        browser = hub.browser()
        page = browser.get("/hub/login")
        browser.client.follow_redirects = False
        data = {"username": "ana", "password": PASSWORD, "_xsrf": browser.client.cookies["_xsrf"]}
        answer = browser.client.post("/hub/login", params={"next": there}, data=data)
        assert answer.status_code == 302
        assert at(page.url.join(answer.headers["location"])).startswith(f"127.0.0.1:{hub.port}/")
    stranger = httpx.post(f"{hub.url}/hub/login", data={"username": "ana", "password": PASSWORD})
    assert stranger.status_code == 403
    assert not any("jupyterhub-hub-login" in cookie for cookie in stranger.headers.get_list("set-cookie"))


def test_the_proof_sees_the_login_page(hub: RealHub) -> None:
    """What the proof asks of the page stands in the real one."""
    wanted = proof(hub.start(SHARED, allow={"everyone": True}))
    page = hub.browser().get(wanted.page)
    assert page.status_code == 200
    assert wanted.redirect is None
    assert all(text in page.text for text in wanted.contains)
