"""Reads the settings file that plan writes."""

from pathlib import Path

from pydantic import ValidationError

from hubfleet.errors import ConfigError
from hubfleet.model.settings.routes import RoutesSettings


def read_settings(path: Path) -> RoutesSettings:
    """Read the settings.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    try:
        return RoutesSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigError(f"{path} is wrong: {error}") from error
