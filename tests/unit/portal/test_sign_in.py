"""Who gets in, how, and for how long."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfleet.portal.sealing import Seal
from hubfleet.portal.sign_in import SESSION_S, START, own_path
from portals import PORTAL, QuickClock, Running

pytestmark = pytest.mark.anyio
SESSION = "hubfleet-portal"


def sealed(key: bytes = b"k" * 32, purpose: str = "session", clock: QuickClock | None = None) -> Seal:
    return Seal.of(key, purpose, lifetime_s=100, clock=clock or QuickClock())


async def test_the_first_page_and_health_are_open(portal: Running) -> None:
    """JupyterHub asks the first page when it starts, and it costs no question to JupyterHub itself."""
    browser = await portal.browser()
    first = await browser.get(PORTAL)
    assert (first.status_code, first.headers["location"]) == (302, f"{PORTAL}environments")
    assert (await browser.get(f"{PORTAL}health")).json() == {"status": "ok"}
    assert portal.world.hub.asked == 0


async def test_a_stranger_is_led_to_the_hub_and_back(portal: Running) -> None:
    """The whole way of OAuth with PKCE ends at the page that was asked for first, and signed in."""
    browser = await portal.browser()
    begun = await browser.get(f"{PORTAL}environments?search=a%20b")
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert urlsplit(begun.headers["location"]).path == "/hub/api/oauth2/authorize"
    assert (asked["client_id"], asked["redirect_uri"]) == (["service-portal"], [f"{PORTAL}oauth_callback"])
    back = portal.world.hub.authorize(begun.headers["location"], portal.world.hub.person("ann"))
    ended = await browser.get(back)
    assert ended.headers["location"] == f"{PORTAL}environments?search=a%20b"
    assert "ann" in (await browser.get(ended.headers["location"])).text
    assert (await browser.get(back)).status_code == 400


async def test_cookies_are_kept_from_scripts_and_other_paths(portal: Running) -> None:
    """Both cookies are HttpOnly and Lax, below the portal's path, and the token cannot be read in them."""
    browser = await portal.browser()
    begun = await browser.get(f"{PORTAL}environments")
    token = portal.world.hub.person("ann")
    ended = await browser.get(portal.world.hub.authorize(begun.headers["location"], token))
    for answer in (begun, ended):
        cookie = answer.headers.get_list("set-cookie")[0]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", f"Path={PORTAL}"))
        assert "Secure" not in cookie
        assert token not in cookie


async def test_cookies_are_secure_where_people_come_by_https(portal: Running) -> None:
    """A browser never sends them in clear."""
    portal.world.settings["public_url"] = "https://ocean.test"
    portal.world.settings["database"] = f"sqlite:///{portal.world.folder}/other.sqlite"
    async with portal.world.portal() as secure:
        browser = await secure.browser(origin="https://ocean.test")
        begun = await browser.get(f"{PORTAL}environments")
        ended = await browser.get(portal.world.hub.authorize(begun.headers["location"], portal.world.hub.person("ann")))
        page = await browser.get(f"{PORTAL}environments")
    for answer in (begun, ended, page):
        assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))
        assert answer.headers.get_list("set-cookie")


async def test_a_sign_in_of_another_browser_is_refused(portal: Running) -> None:
    """Nobody can be signed in by a link that somebody else prepared."""
    mine, theirs = await portal.browser(), await portal.browser()
    begun = await theirs.get(f"{PORTAL}environments")
    await mine.get(f"{PORTAL}environments")
    answer = await mine.get(portal.world.hub.authorize(begun.headers["location"], portal.world.hub.person("eve")))
    assert answer.status_code == 400
    assert SESSION not in mine.cookies


async def test_two_tabs_sign_in_side_by_side(portal: Running) -> None:
    """A second attempt does not spoil the first."""
    browser = await portal.browser()
    token = portal.world.hub.person("ann")
    one, two = [await browser.get(f"{PORTAL}environments") for _ in range(2)]
    for begun in (one, two):
        back = portal.world.hub.authorize(begun.headers["location"], token)
        assert (await browser.get(back)).status_code == 302


async def test_a_sign_in_takes_ten_minutes_at_most(portal: Running) -> None:
    """An old attempt is over, and the page says so."""
    browser = await portal.browser()
    begun = await browser.get(f"{PORTAL}environments")
    portal.world.clock.advance(601)
    answer = await browser.get(portal.world.hub.authorize(begun.headers["location"], portal.world.hub.person("ann")))
    assert answer.status_code == 400
    assert "took too long" in answer.text


async def test_a_refusal_by_the_hub_is_told(portal: Running) -> None:
    """Without a code there is no session; the page says what to do."""
    browser = await portal.browser()
    begun = await browser.get(f"{PORTAL}environments")
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    answer = await browser.get(f"{PORTAL}oauth_callback?error=access_denied&state={state}")
    assert (answer.status_code, SESSION in browser.cookies) == (403, False)


async def test_without_the_scope_nobody_gets_in(portal: Running) -> None:
    """A token that the hub knows is not enough: neither by sign-in nor in the header."""
    browser = await portal.browser()
    begun = await browser.get(f"{PORTAL}environments")
    token = portal.world.hub.person("ann", "read:users!user=ann", "access:services!service=other")
    assert (await browser.get(portal.world.hub.authorize(begun.headers["location"], token))).status_code == 403
    assert SESSION not in browser.cookies
    answer = await browser.get(f"{PORTAL}api/builds", headers={"Authorization": f"token {token}"})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


@pytest.mark.parametrize("scheme", ["token", "Bearer"])
async def test_tokens_work_in_the_header(portal: Running, scheme: str) -> None:
    """People's and services' tokens do, under both names."""
    caller = await portal.browser()
    for token in (portal.world.hub.person("ann"), portal.world.hub.person("ci", "access:services", kind="service")):
        headers = {"Authorization": f"{scheme} {token}"}
        assert (await caller.get(f"{PORTAL}api/builds", headers=headers)).json() == {"builds": []}


@pytest.mark.parametrize("header", ["token unknown", "Basic YTpi", "token", "token a\u00e9", ""])
async def test_unknown_tokens_are_refused(portal: Running, header: str) -> None:
    """A wrong header is refused even if there is a right cookie."""
    browser = await portal.signed_in()
    answer = await browser.get(f"{PORTAL}api/builds", headers={"Authorization": header.encode()})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


async def test_the_hub_is_asked_every_five_seconds_at_most(portal: Running) -> None:
    """A logout counts within that time, and then leads to the sign-in again."""
    browser = await portal.signed_in()
    asked = portal.world.hub.asked
    for _ in range(3):
        assert (await browser.get(f"{PORTAL}environments")).status_code == 200
    assert portal.world.hub.asked == asked
    portal.world.hub.tokens.clear()
    portal.world.clock.advance(5.1)
    assert (await browser.get(f"{PORTAL}environments")).status_code == 302
    assert (await browser.get(f"{PORTAL}api/builds")).status_code == 401


async def test_a_session_ends_after_two_weeks(portal: Running) -> None:
    """What was sealed that long ago is worth nothing, whatever the hub says."""
    browser = await portal.signed_in()
    portal.world.clock.advance(SESSION_S + 10)
    assert (await browser.get(f"{PORTAL}environments")).status_code == 302


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_hub_that_is_down_is_told(portal: Running, status: int) -> None:
    """People get a page, programs a problem, and both may come again."""
    browser = await portal.signed_in()
    portal.world.clock.advance(6)
    portal.world.hub.answers_with = status
    page, problem = await browser.get(f"{PORTAL}environments"), await browser.get(f"{PORTAL}api/builds")
    assert (page.status_code, problem.status_code) == (503, 503)
    assert "does not work just now" in page.text
    assert problem.headers["retry-after"] == "5"
    portal.world.hub.answers_with = 200
    assert (await browser.get(f"{PORTAL}environments")).status_code == 200


@given(place=st.integers(0, 400), flip=st.integers(1, 255))
def test_a_tampered_cookie_is_refused(place: int, flip: int) -> None:
    """One changed byte, and the seal does not open, or to the same only: the last bits of base64 mean nothing."""
    raw = bytearray(sealed().close("right").encode())
    raw[place % len(raw)] ^= flip
    assert sealed().open(raw.decode("latin-1")) in {None, "right"}


@given(text=st.text(max_size=300))
def test_what_is_sealed_opens_with_its_own_seal_only(text: str) -> None:
    """Another key's and another purpose's cookies are refused, and old ones."""
    clock = QuickClock()
    closed = sealed(clock=clock).close(text)
    assert sealed(clock=clock).open(closed) == text
    assert sealed(b"x" * 32, clock=clock).open(closed) is None
    assert sealed(purpose="sign-in", clock=clock).open(closed) is None
    clock.advance(102)
    assert sealed(clock=clock).open(closed) is None


@given(text=st.text())
def test_nonsense_does_not_open(text: str) -> None:
    """Whatever a browser sends is no reason to fail."""
    assert sealed().open(text) is None


@pytest.mark.parametrize("value", ["", "x", "gAAAAA", "\u00e9"])
async def test_a_foreign_cookie_is_no_session(portal: Running, value: str) -> None:
    """A cookie that we did not make is as good as none; nor does one made for a sign-in open a session."""
    browser = await portal.browser()
    begun = await browser.get(f"{PORTAL}environments")
    attempt = begun.headers["set-cookie"].partition("=")[2].partition(";")[0]
    for cookie in (value, attempt):
        headers = {"Cookie": f"{SESSION}={cookie}".encode()}
        assert (await browser.get(f"{PORTAL}environments", headers=headers)).status_code == 302


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.test",
        "https://evil.test/",
        "/\\evil.test",
        "\\\\evil.test",
        "/ /evil.test",
        "/\t/evil.test",
        "javascript:alert(1)",
        "evil.test",
        "",
        "/" + "x" * 3000,
        "http:///evil.test",
        "//[evil",
    ],
)
async def test_nobody_is_led_to_another_site(portal: Running, wanted: str) -> None:
    """A sign-in leads to a path of this hub only."""
    browser = await portal.browser()
    begun = await browser.get(f"{PORTAL}sign-in", params={"after": wanted})
    ended = await browser.get(portal.world.hub.authorize(begun.headers["location"], portal.world.hub.person("ann")))
    assert ended.headers["location"] == START


@given(st.text(alphabet="/\\:.@?#%\t\n eva", max_size=12))
def test_own_paths_stay_with_this_origin(wanted: str) -> None:
    """A browser stays here: to it a backslash is a slash, and control characters are nothing."""
    path = own_path(wanted)
    seen = "".join(character for character in path if character > " ").replace("\\", "/")
    assert seen.startswith("/")
    assert not seen.startswith("//")


async def test_a_scope_for_all_services_counts(portal: Running) -> None:
    """An admin's token has the scope without a filter."""
    caller = await portal.program("root", "access:services", "admin-ui")
    assert (await caller.get(f"{PORTAL}api/builds")).status_code == 200
