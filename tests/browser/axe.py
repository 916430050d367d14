"""Accessibility by axe-core, and whether a page fits its window."""

from pathlib import Path

from playwright.sync_api import Page

from hubfleet._kit import process

VERSION = "4.10.3"
_CACHE = Path(__file__).parents[2] / ".cache" / "axe"
_VIOLATIONS = """async () => (await axe.run()).violations
    .filter(found => ["serious", "critical"].includes(found.impact))
    .map(found => `${found.id}: ${found.nodes.map(node => node.html.slice(0, 120)).join(" | ")}`)"""


def script() -> Path:
    """Return axe-core, installed from npm at first use below the project's cache folder."""
    path = _CACHE / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        command = ["npm", "install", "--no-audit", "--no-fund", f"--prefix={_CACHE}", f"axe-core@{VERSION}"]
        process.run(command, timeout_s=300)
    return path


def violations(page: Page) -> list[str]:
    """Return what hinders people on the page that is open: axe's serious and critical findings (WCAG 2 A and AA)."""
    page.add_script_tag(path=script())
    found: list[str] = page.evaluate(_VIOLATIONS)
    return found


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return max(0, wider)
