"""The generated reference holds everything: settings, commands, errors, routes of the API, dependencies."""

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hubfleet_docs import agent_api, commands, dependencies, errors, keys, portal_api, presets, settings, support
from hubfleet_docs.models import within
from pydantic import BaseModel

from hubfleet.cli.commands import COMMANDS
from hubfleet.config.schema import FILES, schemas
from hubfleet.config.sources import builtin_presets
from hubfleet.config.support import CLUSTER, FLEET, HUB
from hubfleet.errors import HubfleetError
from hubfleet.model.settings.acme import AcmeSettings
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.model.settings.hub import HubProgram
from hubfleet.model.settings.routes import RoutesSettings

SOURCE = Path(__file__).parents[3] / "src/hubfleet"
MADE = {"fleet": keys.fleet, "cluster": keys.cluster, "hub": keys.hub}


def sections(text: str) -> Mapping[str, str]:
    """Return a page's text by the anchor of each section."""
    found = {}
    for part in text.split("\n(")[1:]:
        anchor, _, rest = part.partition(")=\n")
        found[anchor] = rest
    return found


@pytest.mark.parametrize("kind", sorted(MADE))
def test_each_key_is_documented(kind: str) -> None:
    """Each key of the JSON Schema stands in the section of its model, as it is written in files."""
    schema: Any = schemas()[kind]
    page = sections(MADE[kind]())
    models = {FILES[kind].__name__: schema, **(schema.get("$defs", {}) if kind != "fleet" else {})}
    for name, model in models.items():
        for key in model.get("properties", ()):
            section = page[f"{kind}-{name.lower()}"]
            assert f"\n`{key}`\n: " in section, f"{name}.{key}"


def test_a_presets_own_key_is_documented() -> None:
    """What only presets may say stands on their page, and so does each built-in one."""
    page = presets.page()
    assert "`extends`" in page
    assert all(f"### `{name}`" in page for name in builtin_presets())


def fields(root: type[BaseModel]) -> Iterator[tuple[type[BaseModel], str, str | None]]:
    for model in within(root):
        for name, field in model.model_fields.items():
            yield model, name, field.description


@pytest.mark.parametrize("kind", sorted(FILES))
def test_each_key_that_people_write_has_a_meaning(kind: str) -> None:
    """No field of a file lacks its docstring, but the tag of a sign-in, which is the heading."""
    silent = [f"{model.__name__}.{name}" for model, name, text in fields(FILES[kind]) if not text and name != "kind"]
    assert silent == []


@pytest.mark.parametrize("root", [AcmeSettings, AgentSettings, RoutesSettings, HubProgram])
def test_each_setting_of_a_program_is_documented(root: type[BaseModel]) -> None:
    """Each field of a program's settings stands on the page of settings."""
    page = settings.page()
    assert all(f"\n`{name}`\n: " in page for name in root.model_fields)


def test_each_command_and_option_is_documented() -> None:
    """Each command that `hubfleet --help` lists has a section with all its options."""
    page = commands.page()
    for entry in COMMANDS:
        assert f"## `hubfleet {entry.name}" in page
    for path, command in commands.commands():
        section = page.partition(f"## `hubfleet {path}`")[2].partition("\n## ")[0]
        assert command.help in section
        assert all(option in section for option in commands.options(command) - {"--help", "-h"}), path


def children(error: type[HubfleetError]) -> Iterator[type[HubfleetError]]:
    yield error
    for child in error.__subclasses__():
        yield from children(child)


def test_each_error_code_is_documented() -> None:
    """Each code of the error tree has a line, with a meaning."""
    page = errors.page()
    for error in children(HubfleetError):
        assert f"| `{error.code}` | " in page
        assert inspect.getdoc(error)


def test_each_warning_and_reason_is_documented() -> None:
    """Warnings of checks and reasons for a server's end have a line each."""
    page = errors.page()
    assert "| `open-to-all` | … can use this hub |" in page
    checks = "".join(path.read_text() for path in (SOURCE / "config/checks").glob("*.py"))
    codes = re.findall(r"Notice\((?:[^()]|\([^()]*\))*?,\s*\"([a-z-]+)\",", checks)
    assert len(codes) == checks.count("Notice(")
    assert all(f"| `{code}` | " in page for code in codes)
    assert {reason.value for reason in errors.reasons()} == {
        reason.value for reason in type(next(iter(errors.reasons())))
    }


def test_each_route_of_the_agent_is_documented() -> None:
    """Each route of the OpenAPI description has a section."""
    described, page = agent_api.description(), agent_api.page()
    for path, methods in described["paths"].items():
        assert all(f"### `{method.upper()} {path}`" in page for method in methods)
    assert "### `PUT /v1/servers/{server}`" in page


def test_each_route_of_the_portal_is_documented() -> None:
    """Each route of its API has a section, and pages have none."""
    described, page = portal_api.description(), portal_api.page()
    for path, methods in described["paths"].items():
        assert path.startswith("/services/portal/api/")
        assert all(f"### `{method.upper()} {path}`" in page for method in methods)
    assert "### `POST /services/portal/api/builds`" in page
    assert "(#portal-api-buildview)" in page


def test_all_that_is_not_supported_is_said() -> None:
    """Each line of the table of what is not honoured yet is on its page."""
    page = support.page()
    assert all(f"`{entry.path}`" in page for entry in (*HUB, *CLUSTER, *FLEET))


def test_each_dependency_says_what_it_is_for() -> None:
    """No dependency is without a reason."""
    silent = [name for found in dependencies.dependencies().values() for name, why in found.items() if not why]
    assert silent == []
