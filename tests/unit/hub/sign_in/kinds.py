"""Authenticators as a hub's file makes them, without a hub."""

from pathlib import Path
from typing import Any

from jupyterhub import orm
from traitlets.config import Config

from hubfleet.hub.sign_in.checked import Checked
from hubfleet.hub.sign_in.set_up import set_up
from hubfleet.model.settings.hub import HubProgram
from integration.hub.sign_in.hubs import SECRETS, hub_settings, make_program

CLIENT = {"client_id": "ocean", "client_secret": {"env": "SECRET"}}
UNI = "https://idp.uni.edu/shibboleth"
KINDS: dict[str, dict[str, Any]] = {
    "shared-password": {"with": "shared-password"},
    "native": {"with": "native"},
    "github": {"with": "github", **CLIENT, "organizations": ["ocean-lab", "reef:divers"]},
    "google": {"with": "google", **CLIENT, "domains": ["lab.org"]},
    "cilogon": {"with": "cilogon", **CLIENT, "identity_providers": {UNI: {"domains": ["uni.edu"]}}},
    "oidc": {"with": "oidc", **CLIENT, "issuer": "https://id.example.org/", "groups_claim": "realm.groups"},
}


def program(sign_in: dict[str, Any], **settings: Any) -> HubProgram:
    """Return what a hub's process is told."""
    return make_program(Path("/nowhere"), 8000, hub_settings(sign_in, **settings))


def configured(sign_in: dict[str, Any], **settings: Any) -> Any:
    """Return the configuration that a hub's file makes."""
    c = Config()
    set_up(c, program(sign_in, **settings), SECRETS.__getitem__)
    return c


def session() -> Any:
    """Return an empty database of JupyterHub."""
    return orm.new_session_factory("sqlite:///:memory:")()


def authenticator(sign_in: dict[str, Any], *, db: Any = None, **settings: Any) -> Checked:
    """Return the authenticator that a hub's file makes."""
    c = configured(sign_in, **settings)
    found: Checked = c.JupyterHub.authenticator_class(config=c, _deprecated_db_session=db or session())
    return found
