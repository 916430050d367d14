"""Secrets that a machine makes or gets: one file each below its data folder, never shown, never sent elsewhere.

Generated ones are made once and kept; given ones (a client's secret, a password of the fleet's own) are copied from
where the fleet keeps them at each apply.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from hubfleet._kit.files import make_private, write_if_changed
from hubfleet.errors import SecretError
from hubfleet.platforms.machine.places import Places
from hubfleet.protocol.signing import CallerKey

WORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that nobody takes for another when reading a password aloud."""


def _words(count: int) -> str:
    return "-".join("".join(secrets.choice(WORD_LETTERS) for _ in range(4)) for _ in range(count))


MADE: Mapping[str, Callable[[str], str]] = {
    "cookie": lambda _hub: secrets.token_hex(32),
    "crypt": lambda _hub: secrets.token_hex(32),
    "routes-token": lambda _hub: secrets.token_urlsafe(32),
    "check-token": lambda _hub: secrets.token_urlsafe(32),
    "culler-token": lambda _hub: secrets.token_urlsafe(32),
    "portal-token": lambda _hub: secrets.token_urlsafe(32),
    "portal-cookie": lambda _hub: secrets.token_hex(32),
    "binder-token": lambda _hub: secrets.token_urlsafe(32),
    "hub-token": lambda _hub: secrets.token_urlsafe(32),
    "operator-token": lambda _hub: secrets.token_urlsafe(32),
    "agent-key": lambda folder: CallerKey.new(_caller_of(folder)).jwk,
    "shared-password": lambda _hub: _words(3),
    "admin-password": lambda _hub: _words(7),
}
"""How each kind of generated secret is made; JupyterHub asks 32 characters of an admin's password."""


PORTAL = ".portal"
"""How the folder with a portal's secrets ends, after its hub's name: no hub's own name has a dot."""
ROUTES = "routes"
"""Folder with a copy of each hub's token for routes, which may read no other secret of a hub."""


def make(places: Places, name: str) -> bool:
    """Make a secret such as `ocean/cookie` where there is none; say whether it was made."""
    hub, _, kind = name.partition("/")
    path = places.secrets / hub / kind
    if path.exists():
        return False
    if not path.parent.exists():
        make_private(path.parent)
    if hub == ROUTES:
        return _copy(places, f"{kind}/routes-token", path)
    if hub.endswith(PORTAL) and kind == "portal-token":
        return _copy(places, f"{hub.removesuffix(PORTAL)}/{kind}", path)
    return write_if_changed(path, MADE[kind](hub), mode=0o600)


def _copy(places: Places, name: str, path: Path) -> bool:
    """Put a copy of a secret where another program may read it, which may read nothing else of the first one's."""
    make(places, name)
    return write_if_changed(path, read(places, name), mode=0o600)


def folder_of_caller(caller: str) -> str:
    """Return the folder with the key of an agent's caller: `operator`, `hub-NAME` or `portal-NAME`."""
    kind, _, name = caller.partition("-")
    return {"hub": name, "portal": f"{name}{PORTAL}"}.get(kind, caller)


def _caller_of(folder: str) -> str:
    if folder.endswith(PORTAL):
        return f"portal-{folder.removesuffix(PORTAL)}"
    return folder if folder == "operator" else f"hub-{folder}"


def put(places: Places, name: str, value: str) -> bool:
    """Write a given secret; say whether it was new or another than before."""
    path = places.secrets / name
    if not path.parent.exists():
        make_private(path.parent)
    if path.exists() and path.read_text() == value:
        return False
    return write_if_changed(path, value, mode=0o640 if path.exists() else 0o600)


def read(places: Places, name: str) -> str:
    """Return a secret.

    Raises:
        SecretError: there is none.
    """
    try:
        return (places.secrets / name).read_text().strip()
    except OSError as error:
        raise SecretError(
            f"the secret {name!r} of this machine cannot be read: {error.strerror}",
            hint="run the command as the user who applied the fleet, or apply it again",
        ) from error


def fingerprint(places: Places, value: str) -> str:
    """Return what tells whether a secret has changed, and nothing else about it (keyed by a secret of the machine)."""
    key = places.secrets / "fingerprint-key"
    if not key.exists():
        return "hidden"
    return f"hidden {hmac.new(key.read_bytes(), value.encode(), hashlib.sha256).hexdigest()[:8]}"


def make_fingerprint_key(places: Places) -> None:
    """Make the key for fingerprints where there is none."""
    path: Path = places.secrets / "fingerprint-key"
    if not path.exists():
        write_if_changed(path, secrets.token_bytes(32), mode=0o600)
