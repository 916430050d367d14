"""JupyterHub's own settings in a hub's file."""

import json
import runpy
from pathlib import Path

import pytest

from fleets import HUB, write
from hubfleet.config.load import load
from hubfleet.errors import ConfigError, ConfigErrors
from hubfleet.hub import owned
from hubfleet.hub.checks import check_traits

ROOT = Path(__file__).parents[3]


def _errors(folder: Path, text: str) -> list[ConfigError]:
    try:
        load(write(folder, hub=f"{HUB}{text}\n"), also=(check_traits,))
    except ConfigErrors as caught:
        return list(caught.errors)
    return []


@pytest.mark.parametrize(
    "text",
    [
        "jupyterhub: {JupyterHub: {concurrent_spawn_limit: 3}}",
        "jupyterhub: {Spawner: {start_timeout: 100}}",
        "jupyterhub: {Authenticator: {blocked_users: [eve]}}",
        "jupyterhub: {JupyterHub: {shutdown_on_logout: true}}",
        "roles: {helpers: {scopes: ['list:users', 'admin:servers!group=x'], people: [ana]}}",
        "roles: {robots: {scopes: ['custom:hubfleet:promote'], people: [ana]}}\nfeatures: {builds: true}",
    ],
)
def test_what_jupyterhub_has_is_right(tmp_path: Path, text: str) -> None:
    """Names and kinds of JupyterHub pass."""
    assert _errors(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("jupyterhub: {Spawnr: {a: 1}}", "no class 'Spawnr'", "`Spawner`"),
        ("jupyterhub: {singleuser: {image: x}}", "no class 'singleuser'", "`profiles`"),
        ("jupyterhub: {JupyterHub: {concurent_spawn_limit: 3}}", "no setting", "`concurrent_spawn_limit`"),
        ("jupyterhub: {JupyterHub: {concurrent_spawn_limit: many}}", "must be a whole number", ""),
        ("jupyterhub: {JupyterHub: {shutdown_on_logout: 1}}", "must be true or false", ""),
        ("jupyterhub: {JupyterHub: {db_url: x}}", "hubfleet's own to set", "data"),
        ("jupyterhub: {Authenticator: {admin_users: [a]}}", "hubfleet's own to set", "`admins`"),
        ("jupyterhub: {ConfigurableHTTPProxy: {api_url: a}}", "hubfleet's own to set", "proxy"),
        ("jupyterhub: {GitHubOAuthenticator: {scope: [a]}}", "has no effect", "SharedPasswordAuthenticator"),
        ("jupyterhub: {Spawner: {pre_spawn_hook: f}}", "takes a Python function", "`python_file`"),
        ("roles: {helpers: {scopes: ['lst:users']}}", "no scope 'lst:users'", "`list:users`"),
        ("roles: {ci: {scopes: ['list:users']}}", "name 'ci' is too short", "needs 3 signs"),
        ("roles: {robots: {scopes: ['custom:hubfleet:promote']}}", "has no effect here", "builds: true"),
        ("roles: {robots: {scopes: ['custom:hubfleet:promote!user=x']}}", "has no effect here", "without `!`"),
    ],
)
def test_what_cannot_work_is_one_error_at_its_line(tmp_path: Path, text: str, words: str, hint: str) -> None:
    """Each has its line and the way out."""
    found = _errors(tmp_path, text)
    assert len(found) == 1, [str(error) for error in found]
    assert words in found[0].message
    assert hint in found[0].hint
    assert str(found[0].where) == "hubs/sea.yaml:4"


def test_the_table_is_that_of_the_installed_jupyterhub() -> None:
    """After an update: `python scripts/jupyterhub_traits.py`."""
    made = runpy.run_path(str(ROOT / "scripts/jupyterhub_traits.py"))["text"]()
    assert (ROOT / "src/hubfleet/hub/traits.json").read_text() == made


def test_owned_traits_exist() -> None:
    """A reason for a trait that JupyterHub does not have is an error of ours."""
    classes = json.loads((ROOT / "src/hubfleet/hub/traits.json").read_text())["classes"]
    authenticators = {trait for name, traits in classes.items() if name.endswith("Authenticator") for trait in traits}
    known = {**classes, "Authenticator": authenticators}
    assert [pair for pair in owned.named() if pair[1] not in known[pair[0]]] == []
