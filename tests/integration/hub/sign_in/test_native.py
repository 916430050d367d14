"""A real hub that keeps names and passwords itself."""

import httpx
import pytest

from hubfleet.hub.roles import CHECK_USER
from hubfleet.plan.sign_in_proof import proof
from integration.hub.sign_in.hubs import ADMIN_PASSWORD, Browser, RealHub

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NATIVE = {"with": "native"}
WORDS = "correct horse battery"


def sign_up(browser: Browser, name: str, password: str = WORDS, again: str = WORDS, **more: str) -> httpx.Response:
    """Fill in the sign-up form."""
    fields = {"signup_password": password, "signup_password_confirmation": again, **more}
    return browser.send(browser.get("/hub/signup"), username=name, **fields)


def admin_of(hub: RealHub) -> Browser:
    """Return the admin's browser, signed in with the hub's admin password."""
    browser = hub.browser()
    assert browser.sign_in("mlee", ADMIN_PASSWORD).status_code == 200
    return browser


def test_sign_up_approval_sign_in_and_withdrawal(hub: RealHub) -> None:
    """A new account gets in once an admin approved it, and is out at the next request after that is withdrawn."""
    hub.start(NATIVE, admins=["mlee"], groups={"staff": ["ana"]})
    ana, admin = hub.browser(), admin_of(hub)
    assert "must approve it" in sign_up(ana, "Ana").text
    waiting = ana.sign_in("ana", WORDS)
    assert (waiting.status_code, ana.signed_in()) == (403, False)
    assert "has not approved your account yet" in waiting.text
    assert "has not approved" not in ana.sign_in("ana", "another password").text
    listed = admin.send(admin.get("/hub/authorize"), button='aria-label="Approve ana"', do="approve")
    assert "Withdraw approval" in listed.text
    assert ana.sign_in("ana", WORDS).status_code == 200
    assert hub.person("ana")["groups"] == ["staff"]
    assert ana.get("/hub/authorize").status_code in {403, 404}
    admin.send(listed, button='aria-label="Withdraw approval ana"', do="withdraw")
    assert not ana.signed_in()
    gone = admin.send(admin.get("/hub/authorize"), button='aria-label="Delete account ana"', do="delete")
    assert "ana</bdi>" not in gone.text
    assert ana.sign_in("ana", WORDS).status_code == 403


def test_nobody_becomes_an_admin_by_signing_up_first(hub: RealHub) -> None:
    """Names of admins are taken from the start, and one that was signed up before it was an admin's starts anew."""
    hub.start(NATIVE, admins=["mlee"])
    thief = hub.browser()
    for name in ("mlee", "MLee", CHECK_USER, "a b/c", "x" * 200, "\u212aate"):
        assert sign_up(thief, name).status_code == 400, name
    sign_up(thief, "newboss")
    hub.start(NATIVE, admins=["mlee", "newboss"])
    assert thief.sign_in("newboss", WORDS).status_code == 403
    assert hub.browser().sign_in("newboss", ADMIN_PASSWORD).status_code == 200


def test_without_approval_only_the_listed_get_in(hub: RealHub) -> None:
    """An open sign-up lets nobody in by itself; whom the file lists need no approval, and are out when taken off."""
    hub.start({"with": "native", "approval": False}, admins=["mlee"], allow={"people": ["ana"]})
    ana, bo = hub.browser(), hub.browser()
    for browser, name in ((ana, "ana"), (bo, "bo")):
        assert sign_up(browser, name).status_code == 200
        browser.sign_in(name, WORDS)
    assert (ana.signed_in(), bo.signed_in()) == (True, False)
    hub.start(NATIVE, admins=["mlee"])
    assert not ana.signed_in()


def test_passwords_are_changed_and_end_other_sessions(hub: RealHub) -> None:
    """A person changes their password, an admin sets one; sessions elsewhere end."""
    hub.start(NATIVE, admins=["mlee"], allow={"people": ["ana"]})
    here, elsewhere, admin = hub.browser(), hub.browser(), admin_of(hub)
    sign_up(here, "ana")
    for browser in (here, elsewhere):
        assert browser.sign_in("ana", WORDS).status_code == 200
    new = {"new_password": "salt and seaweed", "new_password_confirmation": "salt and seaweed"}
    page = here.get("/hub/change-password")
    assert here.send(page, button="old_password", old_password="wrong", **new).status_code == 400
    assert here.send(page, button="old_password", old_password=WORDS, **new).status_code == 200
    assert (here.signed_in(), elsewhere.signed_in()) == (True, False)
    assert elsewhere.sign_in("ana", WORDS).status_code == 403
    assert elsewhere.sign_in("ana", "salt and seaweed").status_code == 200
    page = admin.get("/hub/change-password/ana")
    given = {"new_password": WORDS, "new_password_confirmation": WORDS}
    assert admin.send(page, button="new_password", **given).status_code == 200
    assert (here.signed_in(), elsewhere.signed_in()) == (False, False)
    assert here.sign_in("ana", WORDS).status_code == 200


def test_a_link_approves_nobody(hub: RealHub) -> None:
    """Neither a GET, nor a form without the XSRF token, nor one from another site changes an account."""
    hub.start(NATIVE, admins=["mlee"])
    sign_up(hub.browser(), "ana")
    admin = admin_of(hub)
    admin.get("/hub/authorize/ana")
    admin.get("/hub/authorize?username=ana&do=approve")
    form = {"username": "ana", "do": "approve"}
    assert admin.client.post("/hub/authorize", data=form).status_code == 403
    hostile = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert admin.client.post("/hub/authorize", data=form, headers=hostile).status_code == 403
    assert "Waits for approval" in admin.get("/hub/authorize").text


def test_passwords_that_are_no_good_are_refused_with_the_reason(hub: RealHub) -> None:
    """Too short, too long, well-known and mistyped ones; a locked name stays locked for the right password too."""
    hub.start({"with": "native", "attempts_max": 3, "ask_email": True}, admins=["mlee"], allow={"people": ["ana"]})
    browser, mail = hub.browser(), "ana@example.org"
    for password, reason in (("short", "too short"), ("ü" * 40, "too long"), ("1234567890", "stolen")):
        refused = sign_up(browser, "ana", password, password, email=mail)
        assert (refused.status_code, reason in refused.text) == (400, True)
    assert "differ" in sign_up(browser, "ana", WORDS, "something else", email=mail).text
    assert "e-mail" in sign_up(browser, "ana").text
    assert sign_up(browser, "ana", email=mail).status_code == 200
    admin = admin_of(hub)
    assert mail in admin.get("/hub/authorize").text
    assert mail in admin.get("/hub/authorize?search=ANA@").text
    assert "No account matches" in admin.get("/hub/authorize?search=nobody").text
    for _ in range(3):
        browser.sign_in("ana", "wrong")
    assert browser.sign_in("ana", WORDS).status_code == 403


def test_the_proof_sees_the_login_page(hub: RealHub) -> None:
    """What the proof asks of the page stands in the real one."""
    wanted = proof(hub.start(NATIVE, admins=["mlee"]))
    page = hub.browser().get(wanted.page)
    assert page.status_code == 200
    assert all(text in page.text for text in wanted.contains)
