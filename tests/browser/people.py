"""People with a browser: each has cookies of their own, and does what a person does on the pages."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from machines import Machine

START_S = 60.0


@dataclass
class Visitor:
    """Somebody in front of one hub."""

    machine: Machine
    hub: str
    context: BrowserContext
    page: Page
    name: str = ""

    @property
    def url(self) -> str:
        """The hub's address."""
        return f"http://{self.hub}.localhost:{self.machine.port}"

    @property
    def own_url(self) -> str:
        """Where the person's own server is."""
        return f"http://{self.name}.{self.hub}.localhost:{self.machine.port}/user/{self.name}/"

    def open(self, path: str) -> None:
        """Open a page of the hub."""
        self.page.goto(f"{self.url}{path}")

    def sign_in(self, name: str, *, to: str = "/hub/home", admin: bool = False) -> None:
        """Open a page and sign in, which it asks for."""
        self.name = name
        self.open(to)
        self.page.get_by_label("Username").fill(name)
        secret = "admin-password" if admin else "shared-password"
        self.page.get_by_label("Password").fill(self.machine.secret(self.hub, secret))
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(re.compile(re.escape(to.partition("?")[0])))

    def choose(self, profile: str, **options: str) -> None:
        """Choose on the spawn page by what it shows."""
        self.page.get_by_role("radio", name=re.compile(f"^{profile}")).check()
        for label, choice in options.items():
            self.page.get_by_label(label, exact=True).select_option(label=choice)

    def start(self) -> None:
        """Press the spawn page's button and wait for JupyterLab."""
        self.page.get_by_role("button", name="Start").click()
        self.page.wait_for_url(re.compile(re.escape(self.own_url)), timeout=START_S * 1000)
        self.in_lab()

    def in_lab(self) -> None:
        """Wait until JupyterLab can be worked with."""
        expect(self.page.locator("#jp-main-dock-panel")).to_be_visible(timeout=START_S * 1000)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0, timeout=START_S * 1000)

    def menu(self, *titles: str) -> None:
        """Choose something from JupyterLab's menus."""
        self.page.get_by_role("menubar").get_by_role("menuitem", name=titles[0], exact=True).first.click()
        for title in titles[1:]:
            self.page.locator(
                ".lm-Menu-item:not(.lm-mod-hidden)", has_text=re.compile(f"^{re.escape(title)}")
            ).first.click()

    def upload(self, path: Path) -> None:
        """Bring a notebook into the home by JupyterLab's button, open it, and wait for its kernel."""
        with self.page.expect_file_chooser() as chosen:
            self.page.get_by_role("button", name="Upload Files").click()
        chosen.value.set_files(path)
        self.open_file(path.name)

    def open_file(self, name: str) -> None:
        """Open a notebook from JupyterLab's list of files, and wait for its kernel."""
        item = self.page.locator(".jp-DirListing-item", has_text=name)
        expect(item).to_be_visible()
        item.dblclick()
        self.kernel_ready()

    def kernel_ready(self) -> None:
        """Wait until the open notebook can run cells."""
        # whoever runs cells before is asked which kernel it shall be; the notebook's own sign of it says idle too early
        idle = self.page.get_by_role("button", name=re.compile(r"^Python 3[. ].* [|] Idle$"))
        expect(idle).to_be_visible(timeout=START_S * 1000)

    def run_all(self, said: Locator) -> None:
        """Run all cells, and wait for an output.

        A kernel that is new may lose what is sent while JupyterLab makes its line anew; its person runs it once more.
        """
        for _ in range(3):
            self.menu("Run", "Run All Cells")
            with suppress(AssertionError):
                expect(said).to_be_visible(timeout=20_000)
                return
        expect(said).to_be_visible()

    def see_end(self) -> None:
        """Scroll to the notebook's end; JupyterLab draws only what can be seen."""
        self.page.locator(".jp-Notebook:visible .jp-Cell").first.click()
        self.page.keyboard.press("Escape")
        for _ in range(30):
            self.page.keyboard.press("ArrowDown")

    def run_cell(self, code: str) -> None:
        """Add a cell below the last one and run it."""
        cells = self.page.locator(".jp-Notebook:visible .jp-Cell")
        before = cells.count()
        self.page.locator(".jp-Notebook:visible .jp-Notebook-footer").click()
        expect(cells).to_have_count(before + 1)
        editor = cells.last.locator(".cm-content")
        editor.click()
        expect(editor).to_be_focused()
        self.page.keyboard.type(code)
        self.page.keyboard.press("Shift+Enter")

    def sign_out(self) -> None:
        """Sign out from JupyterLab."""
        self.menu("File", "Log Out")
        self.page.wait_for_url(re.compile(r"/hub/(logout|login)"))


def visit(browser: Browser, machine: Machine, hub: str, **options: object) -> Visitor:
    """Open a browser window of a new person; Playwright's context options such as `viewport` may follow."""
    context = browser.new_context(**options)  # type: ignore[arg-type]  # its many keywords
    context.set_default_timeout(20_000)
    return Visitor(machine, hub, context, context.new_page())
