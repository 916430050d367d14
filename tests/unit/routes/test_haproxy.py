"""The rendered configuration, where HAProxy itself can't tell us that it is wrong."""

from html.parser import HTMLParser
from typing import Any

import pytest

from hubfleet.model.settings.routes import RoutesSettings
from hubfleet.routes.haproxy import Machine, render, render_files
from hubfleet.routes.pages import PAGES
from unit.routes.test_settings import values


def rendered(machine: Machine | None = None, **changes: Any) -> str:
    """Return the configuration for settings with changes."""
    return render(RoutesSettings.model_validate(values(**changes)), machine or Machine())


def section(text: str, head: str) -> str:
    """Return one section of a configuration."""
    return next(part for part in text.split("\n\n") if part.startswith(head + "\n"))


def test_only_root_changes_user() -> None:
    """As root HAProxy becomes the user of the settings, in an empty root folder, and gives it the runtime socket."""
    text = section(rendered(Machine(as_root=True), user="proxy"), "global")
    for line in ("user proxy", "group proxy", "chroot /var/lib/proxy/empty", "user proxy group proxy mode 600"):
        assert line in text
    assert "proxy group" not in rendered(Machine(as_root=False), user="proxy")


def test_connections_are_the_smaller_of_wish_and_machine() -> None:
    """HAProxy would not start with more than the system allows."""
    assert "maxconn 500\n" in section(rendered(Machine(max_connections=500)), "global")
    assert "maxconn 200\n" in section(rendered(Machine(max_connections=500), max_connections=200), "global")


def test_only_hubs_are_waited_for() -> None:
    """A dead server answers at once; a restarting hub holds."""
    text = rendered(hold_s=7)
    assert "retries 7" in section(text, "backend hub-plain")
    assert "retries" not in section(text, "backend server-plain") + section(text, "backend service-plain")
    assert "retries 0" in section(text, "defaults")


def test_tls_targets_are_always_checked() -> None:
    """There is no backend that believes any certificate."""
    assert "-tls" not in rendered().replace("ssl-min-ver", "").replace("no-tls-tickets", "")
    text = rendered(target_ca="/etc/ca.pem")
    assert text.count("ssl verify required ca-file /etc/ca.pem") == 3
    assert "verify none" not in text


def test_user_subdomains_are_listed_apart() -> None:
    """Only hubs that want them answer below their host."""
    changed = values()
    changed["hubs"][0]["user_subdomains"] = True
    files = render_files(RoutesSettings.model_validate(changed), Machine())
    assert files["subdomains.map"] == "ocean.localhost ocean.localhost\n"
    assert files["hosts.map"] == "coast.x coast.x\nocean.localhost ocean.localhost\n"


def test_logs_carry_no_query() -> None:
    """A query may carry a token."""
    line = next(line for line in rendered().splitlines() if "log-format" in line)
    assert "%HPO" in line
    assert not any(word in line for word in ("%r", "%HU", "%HQ", "%{+Q}r"))


class _Page(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.titles = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.titles += tag == "h1"
        self.references += [value or "" for name, value in attrs if name in {"src", "href"}]


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_whole_and_small(name: str) -> None:
    """A page needs nothing from elsewhere, has one heading, and fits into HAProxy's buffer."""
    page = _Page(PAGES[name])
    assert set(page.references) <= {"/"}
    assert page.titles == 1
    assert len(PAGES[name]) < 8000
    assert "prefers-color-scheme:dark" in PAGES[name]
