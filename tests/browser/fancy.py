"""The form of jupyterhub-fancy-profiles from PyPI, unmodified, on a page of a hub's."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route

import sdists

VERSION = "0.7.0"
_CACHE = Path(__file__).parents[2] / ".cache" / "fancy-profiles"
_STATIC = "/hub/fancy-profiles/static/"
_PROFILES = [
    {
        "display_name": "Choose your software",
        "slug": "choose",
        "default": True,
        "profile_options": {
            "image": {
                "display_name": "Image",
                "dynamic_image_building": {"enabled": True},
                "unlisted_choice": {"enabled": True, "display_name": "Another", "validation_regex": "^.+$"},
                "choices": {"plain": {"display_name": "Plain", "kubespawner_override": {}}},
            }
        },
    }
]
_PAGE = """\
<!doctype html><title>Fancy</title>
<form method="post" action="/hub/fancy-chosen"><script>window.profileList = {profiles}</script>
<div id="form"></div><input type="submit" hidden></form>
<script src="/hub/fancy-profiles/static/dist/form.js"></script>
"""


def package() -> Path:
    """Return the folder of its files for browsers; fetched at first use."""
    folder = _CACHE / "jupyterhub_fancy_profiles" / "static"
    if not folder.is_dir():
        sdists.unpacked("jupyterhub_fancy_profiles", VERSION, _CACHE)
    return folder


def show(page: Page, hub: str, chosen: list[str]) -> None:
    """Open the form on a page of the hub's origin; what it posts in the end goes to `chosen`."""

    def static(route: Route) -> None:
        route.fulfill(path=package() / urlsplit(route.request.url).path.removeprefix(_STATIC))

    def posted(route: Route) -> None:
        chosen.append(route.request.post_data or "")
        route.fulfill(body="chosen")

    page.route(f"{hub}{_STATIC}**", static)
    page.route(f"{hub}/hub/fancy-chosen", posted)
    page.route(
        f"{hub}/hub/fancy",
        lambda route: route.fulfill(content_type="text/html", body=_PAGE.format(profiles=json.dumps(_PROFILES))),
    )
    page.goto(f"{hub}/hub/fancy")
