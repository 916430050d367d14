"""Packages that somebody names become an environment that runs, and a copy is changed, in Chromium."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.axe import overflow, violations
from browser.people import Visitor
from browser.test_builds import NOTEBOOK, stop_all

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.xdist_group("browser")]


def test_packages_are_named_checked_made_worked_with_and_changed(
    someone: Callable[..., Visitor], tmp_path: Path
) -> None:
    """What does not go together is explained with nothing lost, and what does is shown before it is made."""
    visitor = someone("ocean")
    visitor.sign_in("ana", to="/services/portal/")
    page = visitor.page
    page.get_by_role("button", name="New from packages").click()
    page.get_by_label("Name", exact=True).fill("Little waves")
    page.get_by_label("Packages from PyPI").fill("six==1.15.0\nsix==1.16.0")
    page.get_by_role("button", name="Check versions").click()
    expect(page.get_by_role("alert")).to_contain_text("six==1.15.0", timeout=60_000)
    expect(page.locator("#result")).to_be_focused()
    page.get_by_label("Packages from PyPI").fill("six==1.15.0")
    page.get_by_role("button", name="Check versions").click()
    expect(page.get_by_role("status").filter(has_text="These go together:")).to_be_visible(timeout=60_000)
    page.get_by_text("All versions").click()
    expect(page.get_by_text("six 1.15.0", exact=True)).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="Your environment is ready")).to_be_visible(timeout=120_000)
    page.get_by_role("link", name="Change a copy of its packages").click()
    expect(page.get_by_label("Packages from PyPI")).to_have_value("six==1.15.0\n")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Little-waves-copy")
    page.go_back()
    page.get_by_role("button", name="Start a server with it").click()
    visitor.start()
    notebook = tmp_path / "one.ipynb"
    notebook.write_text(NOTEBOOK)
    visitor.upload(notebook)
    visitor.menu("Run", "Run All Cells")
    expect(page.locator(".jp-OutputArea-output").filter(has_text="six is 1.15.0")).to_be_visible(timeout=60_000)
    stop_all(visitor)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_forms_fit_and_hinder_nobody(someone: Callable[..., Visitor], width: int) -> None:
    """Empty, and with all that can be wrong; by the keyboard alone, too."""
    visitor = someone("ocean", viewport={"width": width, "height": 900})
    visitor.sign_in("sam", to="/services/portal/environments/new")
    page = visitor.page
    for summary in page.locator("summary").all():
        summary.focus()
        page.keyboard.press("Enter")
    page.get_by_label("Name", exact=True).fill("x")
    for label in ("Packages from PyPI", "Packages from conda", "Debian packages"):
        page.get_by_label(label, exact=True).fill("-o " + "long" * 30)
    assert (violations(page), overflow(page)) == ([], 0)
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_text(re.compile("^Line 1: "))).to_have_count(3)
    assert (violations(page), overflow(page)) == ([], 0)
    visitor.open("/services/portal/environments/from-home")
    page.get_by_label("Folder").fill("none")
    page.get_by_role("button", name="Take and build").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("no home folder|no folder 'none'"))
    assert (violations(page), overflow(page)) == ([], 0)
