"""One fleet, brought up as a person would, and one Chromium for all tests of what people see.

The scope is the folder's, not the session's: while Playwright's loop runs in a thread, no other test can run its own.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from browser.people import Visitor, visit
from machines import CLUSTER, ROOT, Machine, machine, up

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--host-resolver-rules=MAP *.hubs.test 127.0.0.1",
    # it would keep pages that a test answers itself from this machine's addresses, whatever hubs allow
    "--disable-features=LocalNetworkAccessChecks",
)
QUICKSTART = ROOT / "examples" / "fleets" / "quickstart" / "hubs"


def chromium() -> Path:
    """Return the Chromium that scripts/chromium.sh found."""
    return Path((ROOT / ".cache" / "chromium").read_text().strip())


@pytest.fixture(scope="package")
def fleet() -> Iterator[Machine]:
    """Bring up the quickstart's hubs, on a port and in a data folder of the test's own."""
    hubs = {f"hubs/{path.name}": path.read_text() for path in QUICKSTART.glob("*.yaml")}
    with machine(hubs) as made:
        cluster = made.folder / "clusters" / f"{CLUSTER}.yaml"
        cluster.write_text(cluster.read_text() + "git_hosts: [127.0.0.1]\n")
        with up(made):
            yield made


@pytest.fixture(scope="package")
def chrome() -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


VISITORS = pytest.StashKey[list[Visitor]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Add to a failure what the people of the test saw."""
    report: pytest.TestReport = yield  # type: ignore[misc]  # pluggy sends it in
    if report.when == "call" and report.failed:
        for visitor in item.stash.get(VISITORS, []):
            report.sections.append((f"what {visitor.name or 'somebody'} saw", seen(visitor)))
    return report  # type: ignore[return-value]  # what a wrapper's generator returns


def seen(visitor: Visitor) -> str:
    """Return a page's address and text."""
    try:
        return f"{visitor.page.url}\n\n{visitor.page.locator('body').inner_text(timeout=2000)[:4000]}"
    except Exception as error:  # noqa: BLE001 - whatever it is, the test's own failure is what counts
        return f"{visitor.page.url}\n\n{error}"


@pytest.fixture
def someone(request: pytest.FixtureRequest, fleet: Machine, chrome: Browser) -> Iterator[Callable[..., Visitor]]:
    """Return a function that gives a new person in front of a hub: `someone("ocean", viewport=…)`."""
    visitors = request.node.stash[VISITORS] = []

    def new(hub: str, **options: object) -> Visitor:
        visitors.append(visit(chrome, fleet, hub, **options))
        return visitors[-1]

    yield new
    for visitor in visitors:
        visitor.context.close()
