"""Reads the settings file that plan writes, and the secrets that it names."""

from pathlib import Path

from pydantic import SecretStr, ValidationError

from hubfleet.errors import ConfigError, SecretError
from hubfleet.model.settings.portal import COOKIE_FILE, TOKEN_FILE, PortalSettings

KEY_BYTES_MIN = 32


def read_settings(path: Path) -> PortalSettings:
    """Read the settings.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    try:
        return PortalSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigError(f"{path} is wrong: {error}") from error


def service_token(settings: PortalSettings) -> SecretStr:
    """Return the service's token at JupyterHub.

    Raises:
        SecretError: the file cannot be read, or is empty.
    """
    return SecretStr(_read(settings, TOKEN_FILE))


def cookie_key(settings: PortalSettings) -> bytes:
    """Return what the keys for cookies are made from.

    Raises:
        SecretError: the file cannot be read, or holds no key.
    """
    try:
        key = bytes.fromhex(_read(settings, COOKIE_FILE))
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES_MIN:
        raise SecretError(f"the secret {COOKIE_FILE!r} is no key", hint=f"give at least {KEY_BYTES_MIN * 2} hex digits")
    return key


def _read(settings: PortalSettings, name: str) -> str:
    path = Path(settings.secrets) / name
    try:
        found = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"the secret {name!r} cannot be read from {path}", hint="apply makes it") from error
    if not found:
        raise SecretError(f"the secret {name!r} in {path} is empty", hint="apply makes it")
    return found
