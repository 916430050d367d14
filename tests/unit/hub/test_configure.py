"""What a hub's files say reaches JupyterHub, and what hubfleet itself needs stays."""

from pathlib import Path

import pytest
from jupyterhub import scopes
from traitlets.config import Config

from hubfleet.hub import portal
from hubfleet.hub.configure import configure
from hubfleet.model.access import PROMOTE
from hubfleet.protocol.signing import CallerKey
from unit.hub.sign_in.kinds import program

SIGN_IN = {"with": "shared-password"}


def configured(folder: Path, python: str = "", sign_in: dict[str, object] = SIGN_IN, **settings: object) -> Config:
    """Return the configuration of a hub with secrets in a folder."""
    for name in ("cookie", "crypt", "routes-token", "check-token", "culler-token", "shared-password", "admin-password"):
        (folder / name).write_text("ab" * 32)
    (folder / "key").write_text(CallerKey.new("hub-ocean").jwk)
    made = program(sign_in, **settings)
    agent = {"cluster": "here", "title": "Here", "address": "unix:/nowhere", "key": str(folder / "key")}
    changes: dict[str, object] = {"secrets": str(folder), "folder": str(folder), "agents": [agent]}
    if python:
        (folder / "own.py").write_text(python)
        changes["python_file"] = str(folder / "own.py")
    document = {**made.model_dump(mode="json"), **changes}
    path = folder / "settings.json"
    path.write_text(type(made).model_validate(document).model_dump_json())
    c = Config()
    configure(c, str(path))
    return c


def test_traits_of_the_file_reach_jupyterhub(tmp_path: Path) -> None:
    """With and without an idle culler."""
    for culling in ({"idle_minutes": 60}, {"idle_minutes": 0}):
        c = configured(tmp_path, jupyterhub={"JupyterHub": {"concurrent_spawn_limit": 7}}, culling=culling)
        assert c.JupyterHub.concurrent_spawn_limit == 7


def test_the_python_file_runs_last(tmp_path: Path) -> None:
    """It sees what was set, and may set anything."""
    c = configured(tmp_path, "c.JupyterHub.concurrent_spawn_limit = 9\nassert c.JupyterHub.cleanup_servers is False\n")
    assert c.JupyterHub.concurrent_spawn_limit == 9


def test_a_broken_python_file_is_named(tmp_path: Path) -> None:
    """The hub does not start, and its log names file and line."""
    with pytest.raises(ZeroDivisionError) as error:
        configured(tmp_path, "x = 1\nx / 0\n")
    assert error.traceback[-1].path == tmp_path / "own.py"


def test_a_restart_of_the_hub_stops_nothing(tmp_path: Path) -> None:
    """Neither servers nor the proxy end with it."""
    c = configured(tmp_path)
    assert c.JupyterHub.cleanup_servers is False
    assert c.JupyterHub.cleanup_proxy is False
    assert c.ConfigurableHTTPProxy.should_start is False


def test_pages_of_the_sign_in_are_linked(tmp_path: Path) -> None:
    """Accounts of the hub bring pages of their own."""
    c = configured(tmp_path, sign_in={"with": "native"}, admins=["mlee"])
    assert [page.path for page in c.JupyterHub.template_vars["sign_in_pages"]] == ["authorize", "change-password"]


def test_announcements_are_text(tmp_path: Path) -> None:
    """JupyterHub shows them as HTML."""
    c = configured(tmp_path, announcement="<script>x</script>")
    assert "<script>" not in c.JupyterHub.template_vars["announcement"]


def test_the_scope_to_promote_is_known_beside_an_operators_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Roles may name it whatever the operator's file defines, and JupyterHub takes both."""
    own = '{"custom:own:read": {"description": "x"}}'
    c = configured(tmp_path, f"c.JupyterHub.custom_scopes = {own}\n")
    assert set(c.JupyterHub.custom_scopes) == {PROMOTE, "custom:own:read"}
    monkeypatch.setattr(scopes, "scope_definitions", dict(scopes.scope_definitions))
    scopes.define_custom_scopes(c.JupyterHub.custom_scopes)


def test_who_may_promote_by_the_hubs_own_roles() -> None:
    """Its admins, by a role of which they make narrow tokens, and the command line; not the hub's own process."""
    c = Config()
    made = program(SIGN_IN, admins=["mlee"]).model_copy(update={"portal_url": "http://127.0.0.1:1"})
    portal.set_up(c, made, lambda name: name)
    holders = [role for role in c.JupyterHub.load_roles if PROMOTE in role["scopes"]]
    assert [(role.get("users"), role.get("services")) for role in holders] == [
        (None, ["hubfleet-operator"]),
        (["mlee"], None),
    ]
    (service,) = [service for service in c.JupyterHub.services if service["name"] == "portal"]
    assert PROMOTE in service["oauth_client_allowed_scopes"]
