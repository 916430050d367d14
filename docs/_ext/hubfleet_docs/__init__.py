"""Sphinx extension that writes the reference pages from the code before each build."""

from pathlib import Path
from typing import Any

from hubfleet_docs.pages import PAGES

FOLDER = "reference/generated"


def setup(app: Any) -> dict[str, Any]:
    """Write the pages when the builder is ready; Sphinx calls this."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / FOLDER))
    # all pages are read at each build: else a warning is given once only, and sidebars grow old
    app.connect("env-get-outdated", lambda app, env, added, changed, removed: set(env.found_docs))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def write(folder: Path) -> None:
    """Write all pages, touching only those that changed, and remove those that are no longer made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        path, text = folder / f"{name}.md", make()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    for path in folder.glob("*.md"):
        if path.stem not in PAGES:
            path.unlink()
