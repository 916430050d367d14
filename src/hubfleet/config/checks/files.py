"""Files that settings name, and text that should not be in them."""

import re
from collections.abc import Iterator
from pathlib import Path

from hubfleet.config.draft import Draft
from hubfleet.config.scene import Check, Finding, Scene
from hubfleet.errors import BadValueError, ConfigError, Where
from hubfleet.model.hub import HubFile

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|PRIVATE_KEY)(?:$|_)"
)
_LOGOS = {".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif"}
_PYTHON_BYTES_MAX = 1_000_000


def logos_are_there(scene: Scene) -> Iterator[Finding]:
    """A logo is a picture in the fleet's folder."""
    for hub in scene.hubs.values():
        logo = hub.settings.branding.logo
        if logo is None:
            continue
        where = hub.where("branding", "logo")
        if (missing := _missing(scene.directory, logo, where)) is not None:
            yield missing
        elif Path(logo).suffix.lower() not in _LOGOS:
            yield BadValueError(f"{logo!r} is no picture", hint="an SVG, PNG, JPEG, WebP or GIF file", where=where)


def python_files_can_be_read(scene: Scene) -> Iterator[Finding]:
    """A hub's own Python file is there and is Python."""
    for hub in scene.hubs.values():
        file = hub.settings.python_file
        if file is None:
            continue
        where = hub.where("python_file")
        missing = _missing(scene.directory, file, where)
        yield from [missing] if missing is not None else _python(scene.directory / file, file, where)


def variables_hold_no_secrets(scene: Scene) -> Iterator[Finding]:
    """A variable whose name says that it is secret refers to a secret."""
    for hub in scene.hubs.values():
        for path, variables in _variables(hub):
            for name, value in variables.items():
                if isinstance(value, str) and value and _SECRET_NAME.search(name.upper()):
                    yield BadValueError(
                        f"the variable {name} looks like a secret in plain text",
                        hint=f"write `{name}: {{secret: NAME}}`, or {{env: NAME}}, {{file: PATH}}; make a new secret",
                        where=hub.where(*path, name),
                    )


def _missing(directory: Path, name: str, where: Where) -> ConfigError | None:
    path = directory / name
    try:
        inside = path.resolve().is_relative_to(directory.resolve())
        if inside and path.is_file():
            return None
    except (OSError, RuntimeError):
        inside = True
    what = "there is no file" if inside else "outside of the fleet's folder is"
    return ConfigError(f"{what} {name!r}", hint="paths are from the fleet's folder, and stay within it", where=where)


def _python(path: Path, shown_as: str, where: Where) -> Iterator[ConfigError]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        yield ConfigError(f"cannot read {shown_as!r}: {error.strerror}", where=where)
        return
    if len(raw) > _PYTHON_BYTES_MAX:
        yield BadValueError(f"{shown_as!r} is larger than 1 MB", where=where)
        return
    try:
        compile(raw, shown_as, "exec", dont_inherit=True)
    except SyntaxError as error:
        yield ConfigError(
            f"not Python: {error.msg}", hint=f"named by {where}", where=Where(shown_as, error.lineno or 0)
        )
    except (ValueError, RecursionError, MemoryError) as error:
        yield ConfigError(f"not Python: {error}", hint=f"named by {where}", where=Where(shown_as))


def _variables(hub: Draft[HubFile]) -> Iterator[tuple[tuple[str, ...], dict[str, object]]]:
    for name, profile in hub.settings.profiles.items():
        yield ("profiles", name, "variables"), dict(profile.variables)
        for option_name, option in profile.options.items():
            for choice_name, choice in option.choices.items():
                path = ("profiles", name, "options", option_name, "choices", choice_name, "variables")
                yield path, dict(choice.variables)


CHECKS: tuple[Check, ...] = (logos_are_there, python_files_can_be_read, variables_hold_no_secrets)
