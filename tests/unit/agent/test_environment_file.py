"""What of an environment.yml is understood, and what is refused with its line."""

from datetime import UTC, datetime

import pytest

from hubfleet.agent.environments import detect, environment_file
from hubfleet.agent.environments.conda import CHANNELS
from hubfleet.agent.environments.specification import Fetched, SourceFile, Specification, Wanted
from hubfleet.agent.environments.ways import with_kernel
from hubfleet.errors import BuildError

JUNE = datetime(2024, 6, 1, tzinfo=UTC)
HERE = detect.Here("3.11.2", CHANNELS)
WHOLE = """\
name: ocean
channels:
  - bioconda
  - conda-forge
dependencies:
  - python=3.10
  - conda-forge::numpy>=1.20,<2
  - blas=*=*openblas*
  - r-base 4.3.*
  - pip
  - pip:
    - cowsay==6.1
    - -r more.txt
"""


def fetched(**files: str) -> Fetched:
    named = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
    return Fetched("c" * 40, "", [SourceFile(name, text, JUNE) for name, text in named.items()])


def specification(files: Fetched) -> Specification:
    return detect.specification(files, HERE, lambda *_: "")


def wanted(text: str, allowed: dict[str, str] | None = None) -> Wanted:
    return environment_file.wanted(environment_file.parse(text, "environment.yml"), allowed or CHANNELS)


def test_where_an_export_was_made_is_passed_over() -> None:
    """`conda env export` ends with it."""
    file = environment_file.parse("dependencies: [x]\nprefix: /home/ann/miniconda3/envs/x\n", "environment.yml")
    assert [line.text for line in file.packages] == ["x"]


def test_all_parts_are_read() -> None:
    """Channels in their order, conda's packages as written, PyPI's apart."""
    file = environment_file.parse(WHOLE, "environment.yml")
    assert [line.text for line in file.channels] == ["bioconda", "conda-forge"]
    assert [(line.text, line.number) for line in file.packages][:2] == [
        ("python=3.10", 6),
        ("conda-forge::numpy>=1.20,<2", 7),
    ]
    assert [(line.text, line.number) for line in file.pip] == [("cowsay==6.1", 12), ("-r more.txt", 13)]
    assert wanted(WHOLE).channels == ("bioconda", "conda-forge")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dependencies: [x]\nplatforms: [linux-64]\n", "line 2 of environment.yml: `platforms`"),
        ("dependencies: [x]\nvariables: {A: b}\n", "line 2 of environment.yml: `variables`"),
        ("dependencies:\n- x\n- https://x.example/x-1-0.conda\n", "line 3 .* is no conda package"),
        ("dependencies:\n- file:///x.conda\n", "line 2 .* is no conda package"),
        ("dependencies:\n- ./x.conda\n", "line 2 .* is no conda package"),
        ("dependencies:\n- x[url=https://x.example]\n", "line 2 .* is no conda package"),
        ("dependencies:\n- x @ https://x.example\n", "line 2 .* is no conda package"),
        ("dependencies:\n- npm: [left-pad]\n", "line 2 .*`npm:` cannot be honoured"),
        ("dependencies: numpy\n", "line 1 .*`dependencies` is no list"),
        ("dependencies: [1.0]\n", "line 1 .*no name"),
        ("dependencies: ['x\\n\\ny']\n", "line 1 .*is no conda package"),
        ('dependencies: ["x\\ny"]\n', "line 1 .*more than one line"),
        (f"dependencies: [{'x' * 301}]\n", "line 1 .*no name"),
        ("dependencies: [[x]]\n", "line 1 .*no name"),
        ("- x\n", "line 1 of environment.yml: this is no list"),
        ("dependencies: [x\n", "of environment.yml: "),
        ("dependencies: !!python/object:os.system [x]\n", "tags"),
        ("a: &a [x]\ndependencies: *a\n", "anchors and aliases"),
        ("dependencies: [x]\ndependencies: [y]\n", "line 2"),
        ("dependencies:\n" + "- x\n" * 3000, "more than 2000"),
        ("x" * 1_100_000, "larger than 1 MB"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_its_line(text: str, said: str) -> None:
    """Nothing is left out without a word."""
    with pytest.raises(BuildError, match=f"(?s){said}"):
        environment_file.parse(text, "environment.yml")


@pytest.mark.parametrize(
    "line", ["-e ..", "git+https://example.org/x", "x @ https://example.org/x.whl", "--index-url https://x", "/here"]
)
def test_the_part_of_pip_leads_nowhere_else(line: str) -> None:
    """As in a requirements.txt."""
    with pytest.raises(BuildError, match=r"line 4 of environment\.yml"):
        specification(fetched(environment_yml=f"dependencies:\n- x\n- pip:\n  - {line!r}\n"))


@pytest.mark.parametrize("name", ["defaults", "anaconda", "pkgs/main", "main"])
def test_anacondas_channels_are_replaced_with_a_note(name: str) -> None:
    """Their terms ask most universities for a licence."""
    found = wanted(f"channels: [{name}]\ndependencies: [x, {name}::y]\n")
    assert (found.channels, found.specs) == (("conda-forge",), ("x", "conda-forge::y"))
    assert [note.partition(" for ")[0].partition(",")[0] for note in found.notes] == [
        f"conda-forge is used instead of the channel {name}"
    ]


def test_a_cluster_may_have_anacondas_channel() -> None:
    """Where it names it, as one with a licence does."""
    allowed = {"defaults": "https://repo.example.org/main", **CHANNELS}
    found = wanted("channels: [defaults]\ndependencies: [x]\n", allowed)
    assert (found.channels, found.notes) == (("defaults",), ())


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("https://conda.anaconda.org/conda-forge", "conda-forge"),
        ("https://conda.anaconda.org/bioconda/", "bioconda"),
        ("https://mirror.example.org/forge/", "conda-forge"),
    ],
)
def test_a_channels_address_is_its_name(channel: str, name: str) -> None:
    """The public one means the mirror too."""
    allowed = {"conda-forge": "https://mirror.example.org/forge", "bioconda": "https://mirror.example.org/bio"}
    assert wanted(f"channels: ['{channel}']\ndependencies: [x]\n", allowed).channels == (name,)


@pytest.mark.parametrize("channel", ["mine", "https://elsewhere.example/x", "file:///x", "conda-forge/label/dev", "/x"])
def test_other_channels_are_refused(channel: str) -> None:
    """In the list, and before a package."""
    with pytest.raises(BuildError, match=r"line 2 of environment\.yml: the channel"):
        wanted(f"channels:\n- {channel}\ndependencies: [x]\n")
    with pytest.raises(BuildError, match=r"line 2 of environment\.yml: the channel"):
        wanted(f"dependencies:\n- {channel}::x\n")


def test_a_file_without_channels_has_the_clusters_first() -> None:
    """And a channel before a package is asked too."""
    found = wanted("dependencies: [x, bioconda::y]\n", {"forge": "https://x", "bioconda": "https://y"})
    assert found.channels == ("forge", "bioconda")


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("dependencies: [x]", ("python", "ipykernel")),
        ("dependencies: [python=3.10]", ("ipykernel",)),
        ("dependencies: [conda-forge::ipykernel=6]", ("python",)),
        ("dependencies: [python, {pip: ['ipykernel>=6']}]", ()),
    ],
)
def test_a_kernel_is_always_there(text: str, added: tuple[str, ...]) -> None:
    """From conda, unless the file names it itself."""
    file = environment_file.parse(text, "environment.yml")
    found = environment_file.wanted(file, CHANNELS)
    assert with_kernel(file, found).specs == (*found.specs, *added)


def test_an_environment_file_comes_before_requirements() -> None:
    """As with repo2docker, which reads these others only without it; what it includes counts all the same."""
    text = "dependencies: [x, {pip: [-r requirements.txt]}]\n"
    found = specification(
        fetched(environment_yml=text, requirements_txt="-r more.txt\n", more_txt="six\n", setup_py="", runtime_txt="")
    )
    assert (found.paths, found.conda is not None) == (["environment.yml", "requirements.txt", "more.txt"], True)
    alone = specification(fetched(environment_yaml="dependencies: [x]\n", requirements_txt="-e .\n"))
    assert alone.paths == ["environment.yaml"]
    with pytest.raises(BuildError, match="Dockerfile"):
        specification(fetched(environment_yml=text, Dockerfile=""))
