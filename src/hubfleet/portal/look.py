"""Pages that look like the hub's: JupyterHub's templates, ours over them, and its static files from the hub."""

import json
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH
from markupsafe import escape
from starlette.responses import HTMLResponse

from hubfleet.model.settings.portal import PortalSettings
from hubfleet.portal import forgery
from hubfleet.portal.forgery import Forgery
from hubfleet.portal.people import ADMIN, PREFIX, Person

PAGES = Path(__file__).parents[1] / "pages"
HUB = "/hub/"
HEADERS = {
    # JupyterHub's own page has scripts and styles inside
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would take the origin out of forms
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class _Known:
    """What JupyterHub's templates ask of a person."""

    name: str

    @property
    def json_escaped_name(self) -> str:
        """The name within quotes of a script."""
        inside = json.dumps(self.name)[1:-1]
        for character in "<>&'":
            inside = inside.replace(character, f"\\u{ord(character):04x}")
        return inside


class Look:
    """Renders the portal's pages for one hub."""

    def __init__(self, settings: PortalSettings, forgery: Forgery) -> None:
        self._forgery = forgery
        self._secure = settings.public_url.startswith("https://")
        theirs = FileSystemLoader(Path(DATA_FILES_PATH) / "templates")
        self._templates = Environment(
            loader=ChoiceLoader([PrefixLoader({"templates": theirs}), FileSystemLoader(PAGES / "templates"), theirs]),
            autoescape=True,
        )
        branding = settings.branding
        self._templates.globals.update(
            hub_title=settings.title,
            hub_colour=branding.colour,
            hub_welcome=branding.welcome,
            hub_help=branding.help or "",
            hub_website=branding.website or "",
            hub_own_logo=settings.own_logo,
            hub_staging_for=settings.staging_for,
            hub_portal=PREFIX,
            announcement=str(escape(settings.announcement)),
            base_url=HUB,
            prefix="/",
            login_url=f"{PREFIX}sign-in",
            logout_url=f"{HUB}logout",
            no_spawner_check=True,
            static_url=lambda path, include_version=True: f"{HUB}static/{path}",
            xsrf_token="",
        )

    def page(
        self, request: Request, person: Person, template: str, *, status: int = 200, **shown: object
    ) -> HTMLResponse:
        """Return a page for somebody, with the token for its forms; one without a name is not signed in."""
        token = self._forgery.token(request, person) if person.session else ""
        known = _Known(person.name) if person.name else None
        text = self._templates.get_template(f"portal/{template}").render(
            user=known, parsed_scopes={ADMIN} if person.admin else set(), form_token=token, **shown
        )
        answer = HTMLResponse(text, status, HEADERS)
        if token and request.cookies.get(forgery.COOKIE) != token:
            answer.set_cookie(forgery.COOKIE, token, path=PREFIX, httponly=True, samesite="lax", secure=self._secure)
        return answer

    def error(self, status: int, message: str, hint: str) -> HTMLResponse:
        """Return a page that says what does not work; for whom is not known."""
        text = self._templates.get_template("portal/error.html").render(
            user=None, parsed_scopes=set(), status=status, message=message, hint=hint
        )
        return HTMLResponse(text, status, HEADERS)
