"""What changes something is done only for whoever means it."""

import pytest

from hubfleet.portal.forgery import COOKIE
from portals import ORIGIN, PORTAL, REPOSITORY, Browser, Running

pytestmark = pytest.mark.anyio
FORM = {"repository": REPOSITORY}


async def token_of(browser: Browser) -> str:
    return browser.form_token(await browser.get(f"{PORTAL}environments"))


async def test_a_form_of_ours_is_taken(portal: Running) -> None:
    """The page's token, its cookie and the origin together let a form pass."""
    browser = await portal.signed_in()
    answer = await browser.send_form("builds", await token_of(browser), **FORM)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{PORTAL}builds/")


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "", "http://ann.ocean.localhost:8000", f"{ORIGIN}1"])
async def test_another_origin_is_refused(portal: Running, origin: str) -> None:
    """Even with the right token, and from a server of the same hub."""
    browser = await portal.signed_in()
    sent = {"_xsrf": await token_of(browser), **FORM}
    headers = {"Origin": origin} if origin else {}
    answer = await browser.post(f"{PORTAL}builds", data=sent, headers=headers)
    assert answer.status_code == 403
    assert (await browser.get(f"{PORTAL}api/builds")).json() == {"builds": []}


@pytest.mark.parametrize("given", ["", "x", ".", "a.b", "\u00e9"])
async def test_a_wrong_token_is_refused(portal: Running, given: str) -> None:
    """None, and ones that nobody signed, even when the cookie says the same."""
    browser = await portal.signed_in()
    await token_of(browser)
    assert (await browser.send_form("builds", given, **FORM)).status_code == 403
    if given.isascii():
        browser.cookies.delete(COOKIE)
        browser.cookies.set(COOKIE, given, domain="ocean.localhost", path=PORTAL)
        assert (await browser.send_form("builds", given, **FORM)).status_code == 403


async def test_a_token_of_another_session_is_refused(portal: Running) -> None:
    """Whoever has a token of their own cannot plant it in another's browser."""
    ann, eve = await portal.signed_in("ann"), await portal.signed_in("eve")
    theirs = await token_of(eve)
    ann.cookies.set(COOKIE, theirs, domain="ocean.localhost", path=PORTAL)
    assert (await ann.send_form("builds", theirs, **FORM)).status_code == 403


async def test_a_token_without_its_cookie_is_refused(portal: Running) -> None:
    """A token that leaked is not enough in another browser of the session."""
    browser = await portal.signed_in()
    token = await token_of(browser)
    browser.cookies.delete(COOKIE)
    assert (await browser.send_form("builds", token, **FORM)).status_code == 403


async def test_two_tabs_can_send_their_forms(portal: Running) -> None:
    """A second page has the token of the first, which stays good."""
    browser = await portal.signed_in()
    one, two = await token_of(browser), await token_of(browser)
    assert one == two
    assert (await browser.send_form("builds", one, **FORM)).status_code == 303


async def test_the_api_wants_the_token_from_a_cookie_only(portal: Running) -> None:
    """With a cookie the header must carry it; with a token of JupyterHub's nothing more is asked."""
    browser, program = await portal.signed_in(), await portal.program()
    path = f"{PORTAL}api/builds"
    token = await token_of(browser)
    assert (await browser.post(path, json=FORM)).status_code == 403
    assert (await browser.post(path, json=FORM, headers={"Origin": ORIGIN})).status_code == 403
    headers = {"Origin": ORIGIN, "X-XSRFToken": token}
    assert (await browser.post(path, json=FORM, headers=headers)).status_code == 202
    assert (await program.post(path, json=FORM, headers={"Origin": "https://elsewhere.test"})).status_code == 202


async def test_a_stop_is_a_change_too(portal: Running) -> None:
    """Each way to change something asks for the token."""
    browser = await portal.signed_in()
    token = await token_of(browser)
    page = await browser.send_form("builds", token, **FORM)
    build = page.headers["location"].rpartition("/")[2]
    for path in (f"builds/{build}/stop", f"api/builds/{build}/stop"):
        assert (await browser.post(PORTAL + path, headers={"Origin": ORIGIN})).status_code == 403
        assert (await browser.get(PORTAL + path)).status_code == 405
    assert (await browser.send_form(f"builds/{build}/stop", token)).status_code == 303


async def test_pages_cannot_be_framed(portal: Running) -> None:
    """No other site can lay our buttons under its own."""
    browser = await portal.signed_in()
    for path in ("environments", "builds/nothing", "oauth_callback"):
        policy = (await browser.get(PORTAL + path)).headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
