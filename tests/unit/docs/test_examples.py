"""Examples in the documentation are true: their YAML loads, their commands exist, their links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hubfleet_docs.commands import commands, options

from hubfleet.config.load import load
from hubfleet.errors import ConfigErrors
from hubfleet.hub.checks import check_traits

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    if not {"generated", "_build"} & set(path.parts)
)
IDS = [str(path.relative_to(ROOT)) for path in PAGES]

FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>[a-z]+)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^# (?P<path>(?:fleet|(?:clusters|hubs|presets|files)/[a-z0-9-]+)\.(?:yaml|py))$")
SECRET = re.compile(r"\{secret: ([\w.-]+)\}")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")

Files = dict[str, str]


def blocks(page: Path, *kinds: str) -> list[str]:
    return [match["text"] for match in FENCE.finditer(page.read_text()) if match["kind"] in kinds]


def file_of(block: str) -> str:
    match = FILE.match(block.partition("\n")[0])
    return match["path"] if match else ""


def fleets(page: Path) -> Iterator[Files]:
    """Go through the states of a page's fleet: one before each file that the page names again, and the last."""
    now: Files = {}
    for block in blocks(page, "yaml", "python"):
        name = file_of(block)
        if name in now:
            yield dict(now)
        if name:
            now[name] = block
    if now:
        yield now


def write(files: Files, folder: Path) -> None:
    filled = {"fleet.yaml": "name: docs\n", **files}
    if not any(name.startswith("clusters/") for name in filled):
        filled["clusters/here.yaml"] = "kind: machine\n"
    for name in {secret for text in files.values() for secret in SECRET.findall(text)}:
        filled[f"secrets/{name}.age"] = "age-encryption.org/v1\n"
    for name, text in filled.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_fleets_of_examples_load(page: Path, tmp_path: Path) -> None:
    """The YAML of a page, put together, is right by all checks."""
    for number, files in enumerate(fleets(page)):
        folder = tmp_path / str(number)
        write(files, folder)
        try:
            load(folder, also=(check_traits,))
        except ConfigErrors as errors:
            pytest.fail("\n".join(f"{error}\n  hint: {error.hint}" for error in errors.errors))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_each_yaml_example_names_its_file(page: Path) -> None:
    """No YAML goes unchecked for want of a file name."""
    assert [block for block in blocks(page, "yaml") if not file_of(block)] == []


def test_examples_are_found() -> None:
    """The other tests look at a good number of hubs, so a changed way of writing does not switch them off."""
    names = [name for page in PAGES for files in fleets(page) for name in files]
    assert sum(name.startswith("hubs/") for name in names) > 15


def shell_lines() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.splitlines():
                if line.lstrip().startswith("$ "):
                    parts = line.lstrip()[2:].split(" && ")
                    found += [(str(page.relative_to(ROOT)), part) for part in parts]
    return found


@pytest.mark.parametrize(("page", "line"), [item for item in shell_lines() if "hubfleet " in item[1].split("=")[0]])
def test_commands_of_examples_exist(page: str, line: str) -> None:
    """A `hubfleet` command in a console example exists and has the options that are given."""
    words = shlex.split(line)
    if words[0].rpartition("/")[2] != "hubfleet":
        return
    known = dict(commands())
    name = next((name for name in (" ".join(words[1:3]), words[1]) if name in known), None)
    assert name is not None, f"{page}: there is no `{line}`"
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= options(known[name]), f"{page}: {line}"


def test_commands_named_in_text_exist() -> None:
    """`hubfleet NAME` and `make NAME` in the text of a page name what there is."""
    names = {word for name, _ in commands() for word in (name, name.partition(" ")[0])}
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        text = page.read_text()
        assert set(re.findall(r"`hubfleet ([a-z]+)", text)) <= names, page
        lines = [line for shown, line in shell_lines() if shown == str(page.relative_to(ROOT))]
        asked = re.findall(r"`make ([a-z-]+)", text) + [line.split()[1] for line in lines if line.startswith("make ")]
        assert set(asked) <= set(targets), page


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    """A link to a file of the repository finds it; generated pages are made by the build, which checks theirs."""
    for target in LINK.findall(page.read_text()):
        if "generated/" not in target:
            assert (page.parent / target).exists(), target
