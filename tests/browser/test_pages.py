"""The pages that people see: for everybody's eyes and hands, on a laptop and on a phone, by day and by night."""

import json
import os
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from browser import axe
from browser.people import Visitor, visit
from browser.servers import stop
from hubfleet.protocol.messages import StopReason
from machines import Machine
from programs import ask

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.xdist_group("browser")]

LAPTOP, PHONE = ViewportSize(width=1280, height=720), ViewportSize(width=390, height=760)
ZOOMED = ViewportSize(width=640, height=360)
"""What 200% zoom leaves of a laptop's window."""
MEMBERS_PAGES = ("/hub/home", "/hub/spawn", "/hub/spawn?profile=large", "/hub/token", "/hub/nosuch", "/hub/admin")


@pytest.fixture(scope="module")
def member(chrome: Browser, fleet: Machine) -> Iterator[Visitor]:
    """Give a guest of the ocean lab, signed in."""
    visitor = visit(chrome, fleet, "ocean")
    visitor.sign_in("sam")
    yield visitor
    visitor.context.close()


def check(visitor: Visitor) -> None:
    """Look at the page that is open in all sizes and colours."""
    found = []
    for size in (LAPTOP, ZOOMED, PHONE):
        visitor.page.set_viewport_size(size)
        found += [f"{axe.overflow(visitor.page)} px too wide at {size['width']}"] * bool(axe.overflow(visitor.page))
    for scheme in ("light", "dark"):
        theme = f"document.documentElement.setAttribute('data-bs-theme', '{scheme}')"
        visitor.page.evaluate(theme)
        found += [f"{scheme}: {violation}" for violation in axe.violations(visitor.page)]
    assert not found


@pytest.mark.parametrize("path", MEMBERS_PAGES)
def test_a_members_page_is_accessible_and_fits(member: Visitor, path: str) -> None:
    """Each page of a member has no serious finding of axe, and is nowhere wider than its window."""
    member.open(path)
    check(member)


def test_the_sign_in_page_is_accessible_and_says_what_was_wrong(someone: Callable[..., Visitor]) -> None:
    """So is the page before them, with the message of a wrong password."""
    visitor = someone("ocean")
    visitor.open("/hub/login")
    visitor.page.get_by_label("Username").fill("ana")
    visitor.page.get_by_label("Password").fill("wrong")
    visitor.page.get_by_role("button", name="Sign in").click()
    expect(visitor.page.get_by_text("Invalid username or password")).to_be_visible()
    check(visitor)


def test_the_hub_is_told_from_programs_words(member: Visitor) -> None:
    """What JupyterHub says for programs is not what people read."""
    member.open("/hub/admin")
    expect(member.page.get_by_role("heading", name="This page is not for you")).to_be_visible()
    expect(member.page.get_by_text("scopes")).to_have_count(0)
    member.open("/hub/nosuch")
    expect(member.page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_a_link_only_fills_in_the_form(someone: Callable[..., Visitor]) -> None:
    """By a link, also as the aim of a sign-in, nothing starts; the form shows what it would."""
    visitor = someone("ocean")
    visitor.sign_in("ana", to="/hub/spawn?profile=large")
    expect(visitor.page.get_by_role("radio", name="Large")).to_be_checked()
    expect(visitor.page.get_by_role("status").filter(has_text="A link filled in this form")).to_be_visible()
    expect(visitor.page.get_by_role("alert")).to_have_count(0)
    visitor.open("/hub/home")
    expect(visitor.page.get_by_role("button", name="Start My Server")).to_be_visible()


def test_what_is_refused_says_for_whom_it_is(member: Visitor) -> None:
    """A guest sees the large profile with the reason, and cannot choose it."""
    member.open("/hub/spawn")
    member.page.get_by_text("1 more that you cannot choose").click()
    expect(member.page.get_by_text("only for the group staff")).to_be_visible()
    expect(member.page.get_by_role("radio")).to_have_count(1)


def test_without_javascript_by_keyboard_a_server_starts_and_the_choice_is_remembered(
    someone: Callable[..., Visitor], fleet: Machine
) -> None:
    """Form, waiting page and the way to the server work plainly; next time the form shows the last choice."""
    visitor = someone("ocean", java_script_enabled=False)
    visitor.sign_in("sam", to="/hub/spawn")
    page = visitor.page
    page.get_by_role("radio", name="Standard").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Memory", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Memory", exact=True)).to_have_value("medium")
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.startswith(visitor.own_url), timeout=60_000)
    stop(fleet, "ocean", "sam", StopReason.CULLED)
    visitor.open("/hub/user/sam/")
    expect(page.get_by_role("heading", name="Your server has stopped")).to_be_visible()
    expect(page.get_by_text("Nobody used it for a while")).to_be_visible()
    page.get_by_role("button", name="Start it again").click()
    expect(page.get_by_label("Memory", exact=True)).to_have_value("medium")


def test_servers_with_names_come_and_go_from_the_home_page(someone: Callable[..., Visitor]) -> None:
    """JupyterHub's own buttons work where people's servers have addresses of their own."""
    visitor = someone("ocean")
    visitor.sign_in("ana")
    page = visitor.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("server name").fill("analysis")
    page.get_by_role("button", name="Add New Server").click()
    row = page.locator("tr", has_text="analysis")
    row.get_by_role("button", name="start").click()
    expect(page.get_by_role("heading", name="Start your server “analysis”")).to_be_visible()
    visitor.choose("Standard")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(re.escape(f"{visitor.own_url}analysis/")), timeout=60_000)
    visitor.open("/hub/home")
    row.get_by_role("button", name="stop").click()
    row.get_by_role("button", name="delete").click(timeout=30_000)
    expect(row).to_have_count(0)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"profile": "nosuch"}, "There is no profile 'nosuch'"),
        ({"profile": "large"}, "only for the group staff"),
        ({"profile": "standard", "options": {"size": "huge"}}, "has no choice 'huge'"),
        ({"memory_gib": 64}, "There is no 'memory_gib' to choose"),
    ],
    ids=["unknown", "refused", "option", "field"],
)
def test_programs_are_held_to_the_same_choices(member: Visitor, asked: dict[str, object], says: str) -> None:
    """JupyterHub's REST API answers 422 to what the form would not offer, and says why."""
    member.open("/hub/token")
    member.page.get_by_role("button", name="Request new API token").click()
    token = member.page.locator("#token-result")
    expect(token).to_have_text(re.compile(r"\w{16,}"))
    answer = ask(
        member.machine.port,
        "/hub/api/users/sam/server",
        host=f"ocean.localhost:{member.machine.port}",
        method="POST",
        headers={"Authorization": f"token {token.inner_text()}"},
        body=json.dumps(asked),
    )
    assert answer.status == 422, answer.text
    assert says in json.loads(answer.text)["message"]


def test_a_start_that_fails_says_why_and_offers_another_try(someone: Callable[..., Visitor], fleet: Machine) -> None:
    """Cause and next step are on the page where the person waits, and afterwards where he comes back to."""
    visitor = someone("classroom")
    visitor.sign_in("breaker", to="/hub/spawn")
    visitor.start()
    stop(fleet, "classroom", "breaker", StopReason.PERSON)
    home = next(fleet.data.glob("agents/*/homes/classroom/breaker-*"))
    owner = home.stat()
    settings = home / ".jupyter" / "jupyter_server_config.py"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("raise SystemExit(\"No module named 'nosuchmodule'\")\n")
    for path in (settings.parent, settings):
        os.chown(path, owner.st_uid, owner.st_gid)
    visitor.open("/hub/spawn")
    visitor.page.get_by_role("button", name="Start").click()
    expect(visitor.page.get_by_text("lacks the module 'nosuchmodule'").first).to_be_visible(timeout=60_000)
    expect(visitor.page.get_by_role("heading", name="Your server did not start")).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()
    visitor.open("/hub/user/breaker/")
    expect(visitor.page.get_by_role("heading", name="Your server did not start")).to_be_visible()
    expect(visitor.page.get_by_text("lacks the module 'nosuchmodule'")).to_be_visible()
    check(visitor)
    visitor.page.get_by_role("button", name="Try again").click()
    expect(visitor.page.get_by_role("heading", name="Start your server")).to_be_visible()
