"""The whole path in Chromium: sign in, choose, work in JupyterLab while the hub is killed, sign out."""

import os
import re
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from browser.notebooks import trapezoid_rule
from browser.people import Visitor
from programs import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize(
    ("hub", "name", "profile"),
    [("ocean", "ana", "Large"), ("classroom", "student", "Standard")],
    ids=["ocean", "class"],
)
def test_someone_elses_notebook_runs_on_while_the_hub_is_killed(
    someone: Callable[..., Visitor], hub: str, name: str, profile: str
) -> None:
    """A person runs it, sees text and plot, keeps kernel and page through the hub's death, and signs out."""
    visitor = someone(hub)
    visitor.sign_in(name, to="/hub/spawn")
    visitor.choose(profile)
    visitor.start()
    visitor.upload(trapezoid_rule())
    visitor.menu("Run", "Run All Cells")
    outputs = visitor.page.locator(".jp-Notebook:visible .jp-OutputArea-output")
    expect(outputs.filter(has_text="The integral is: 565.2499999999999")).to_be_visible(timeout=60_000)
    plot = outputs.locator("img")
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.complete && image.naturalWidth > 100")

    machine, program = visitor.machine, f"hub-{hub}"
    before = machine.pid(program)
    os.kill(before, signal.SIGKILL)
    visitor.run_cell("print('the points are still', N)")
    expect(outputs.filter(has_text="the points are still 5")).to_be_visible()
    wait_for("another hub", lambda: machine.pid(program) != before)
    wait_for("the hub's answer", lambda: machine.get(f"{hub}.localhost", "/hub/api/").status == 200)
    visitor.run_cell("print('and half of them', N / 2)")
    expect(outputs.filter(has_text="and half of them 2.5")).to_be_visible()
    visitor.menu("File", "Save Notebook")
    visitor.page.reload()
    visitor.in_lab()
    visitor.see_end()
    expect(outputs.filter(has_text="and half of them 2.5")).to_be_visible()

    visitor.sign_out()
    visitor.open("/hub/home")
    expect(visitor.page).to_have_url(re.compile("/hub/login"))
