"""What repositories ask for is read in the builder's sandbox, by a real one, and nowhere else."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubfleet.agent.environments import detect, reader
from hubfleet.agent.environments.conda import CHANNELS
from hubfleet.agent.environments.reader import Reader
from hubfleet.agent.environments.specification import Fetched, FromPypi, SourceFile, Wanted
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.launchers import bubblewrap
from hubfleet.errors import BuildError

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

JUNE = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def workshop() -> Workshop:
    """The builder of this machine."""
    return Workshop(Path("/usr/bin/python3"), {}, uid=200_000 if os.geteuid() == 0 else None, bwrap=bubblewrap.find())


@pytest.fixture(autouse=True)
def nothing_is_parsed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the modules that parse fail in this process, whose part is the agent's."""

    def here(*_: object) -> None:
        raise AssertionError("this process parses what people wrote")

    monkeypatch.setattr(detect, "specification", here)


def repository(**files: str) -> Fetched:
    named = {name.replace("_", "."): text for name, text in files.items()}
    return Fetched("c" * 40, "", [SourceFile(name, text, JUNE) for name, text in named.items()])


async def test_an_environment_file_is_read_in_the_sandbox(workshop: Workshop) -> None:
    """Both of its ways and its `pip:` part come back, and the files that count with their dates."""
    text = "channels: [bioconda]\ndependencies: [numpy=1.26, {pip: [cowsay]}]\n"
    found = await Reader(workshop, CHANNELS).read(repository(environment_yml=text, setup_py="x"))
    assert (found.paths, found.changed) == (["environment.yml"], JUNE)
    assert found.conda is not None
    assert found.conda.channels == Wanted(("bioconda",), ("numpy=1.26", "python", "ipykernel"))
    assert (found.conda.pypi, found.conda.pip) == (FromPypi(("numpy==1.26.*",)), ("cowsay",))


async def test_refusals_come_word_for_word(workshop: Workshop) -> None:
    """File, line and what to do instead."""
    with pytest.raises(BuildError) as caught:
        await Reader(workshop, CHANNELS).read(repository(requirements_txt="six\n-e ../x\n"))
    assert caught.value.message == "line 2 of requirements.txt: this leads out of the repository: '-e ../x'"
    assert caught.value.hint == "name a folder of the repository, such as `-e .`"


async def test_what_was_read_is_not_read_again(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another commit with the same files costs nothing; its own date counts. A refusal is remembered as well."""
    known = Reader(workshop, CHANNELS)
    await known.read(repository(requirements_txt="six\n"))
    with pytest.raises(BuildError):
        await known.read(repository(requirements_txt="-e ..\n"))
    monkeypatch.setattr(Workshop, "run", None)
    assert (await known.read(repository(requirements_txt="six\n"))).paths == ["requirements.txt"]
    with pytest.raises(BuildError, match="line 1 of requirements"):
        await known.read(repository(requirements_txt="-e ..\n"))


async def test_without_a_sandbox_nothing_is_read() -> None:
    """It is refused, with the reason."""
    with pytest.raises(BuildError, match="needs a sandbox"):
        await Reader(Workshop(Path("/usr/bin/python3"), {}), CHANNELS).read(repository(requirements_txt="six\n"))


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        "{",
        '{"read": {"files": ["/etc/shadow"], "conda": null}}',
        '{"read": {"files": "x", "conda": null}}',
        '{"refused": {"message": "one\\ntwo", "hint": ""}}',
        '{"refused": {"message": "' + "x" * 6000 + '", "hint": ""}}',
        '{"read": {"files": [], "conda": {"channels": {"channels": ["mine"], "specs": []}, "pip": [],'
        ' "pypi": {"requirements": []}}}}',
        '{"read": {"files": [], "conda": {"channels": {"channels": [], "specs": ["mine::x"]}, "pip": [],'
        ' "pypi": {"requirements": []}}}}',
        "[" * 100_000,
    ],
)
def test_an_answer_of_another_form_is_refused(said: str) -> None:
    """Whatever the sandbox says, the agent takes only files that it asked about, lines, and its own channels."""
    with pytest.raises(BuildError, match="cannot be read"):
        reader.checked(said, repository(requirements_txt="six\n"), CHANNELS)
