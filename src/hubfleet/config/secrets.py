"""Reads the secrets to which a fleet's files refer, at the last moment; no error and no log repeats one."""

import os
from pathlib import Path

from hubfleet.errors import SecretError
from hubfleet.model.secret import SecretReference

FOLDER = "secrets"
ENDING = ".age"
_ARMOUR = b"-----BEGIN AGE ENCRYPTED FILE-----"
_BINARY = b"age-encryption.org/v1"
_BYTES_MAX = 100_000


def read(reference: SecretReference, directory: Path, *, identity: Path | None = None) -> str:
    """Return a secret, without the line end that editors add.

    `identity` is the file with the private age key, needed for `{secret: NAME}` only.

    Raises:
        SecretError: it is not there, empty, or cannot be decrypted.
    """
    if reference.secret:
        text = _decrypted(reference.secret, _encrypted(reference.secret, directory), identity)
    elif reference.env:
        if reference.env not in os.environ:
            raise SecretError(f"the environment has no variable {reference.env!r}", hint="set it where hubfleet runs")
        text = os.environ[reference.env]
    else:
        text = _text(_bytes(directory / Path(reference.file).expanduser()), reference.file)
    text = text.rstrip("\r\n")
    if not text:
        raise SecretError(f"the secret at {reference} is empty")
    return text


def readable(reference: SecretReference, directory: Path) -> str | None:
    """Return a secret where that needs no key and it is here; a file of secrets/ is only looked at.

    Raises:
        SecretError: a file of secrets/ is missing or not encrypted.
    """
    if reference.secret:
        _encrypted(reference.secret, directory)
        return None
    try:
        return read(reference, directory)
    except SecretError:
        return None


def _encrypted(name: str, directory: Path) -> bytes:
    shown_as = f"{FOLDER}/{name}{ENDING}"
    path = directory / FOLDER / f"{name}{ENDING}"
    if not path.is_file():
        raise SecretError(
            f"there is no secret named {name!r}", hint=f"encrypt it to {shown_as}: `age -r PUBLIC-KEY -o {shown_as}`"
        )
    raw = _bytes(path)
    if not raw.lstrip().startswith((_ARMOUR, _BINARY)):
        raise SecretError(
            f"{shown_as} is not encrypted", hint="encrypt it with age, and make a new secret if it left here"
        )
    return raw


def _decrypted(name: str, raw: bytes, identity: Path | None) -> str:
    import pyrage

    if identity is None:
        raise SecretError(
            f"no key to decrypt the secret {name!r}", hint="set HUBFLEET_AGE_KEY to the file with your key"
        )
    lines = _text(_bytes(identity), str(identity)).splitlines()
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-")]
        return _text(pyrage.decrypt(raw, keys), name)
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise SecretError(
            f"the key in {identity} does not open the secret {name!r}", hint="encrypt it for this key too"
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_BYTES_MAX)
    except OSError as error:
        raise SecretError(f"cannot read {path}: {error.strerror}") from error


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise SecretError(f"the secret {name!r} is not UTF-8 text") from None
