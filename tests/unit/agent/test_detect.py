"""What of a repository counts for its environment."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubfleet.agent.environments import detect
from hubfleet.agent.environments.conda import CHANNELS
from hubfleet.agent.environments.explaining import explained
from hubfleet.agent.environments.git_failures import failure
from hubfleet.agent.environments.questions import cut_off
from hubfleet.agent.environments.repositories import check_address, check_ref
from hubfleet.agent.environments.specification import Debian, Fetched, Own, SourceFile, Specification
from hubfleet.errors import BuildError

JUNE = datetime(2024, 6, 1, tzinfo=UTC)
MAY = datetime(2024, 5, 1, tzinfo=UTC)
HERE = detect.Here("3.11.2", CHANNELS)


def no_export(*_: str) -> str:
    raise AssertionError("there is no uv.lock")


def specification(fetched: Fetched) -> Specification:
    return detect.specification(fetched, HERE, no_export)


def repository(folder: str = "", **files: str) -> Fetched:
    named = {name.replace("_", "."): text for name, text in files.items()}
    prefix = f"{folder}/" if folder else ""
    return Fetched("c" * 40, folder, [SourceFile(prefix + name, text, JUNE) for name, text in named.items()])


def test_a_list_of_packages_counts() -> None:
    """requirements.txt is what the environment follows from, and its last change is the date."""
    found = specification(repository(requirements_txt="numpy\n"))
    assert (found.paths, found.changed) == (["requirements.txt"], JUNE)


def test_the_newest_of_all_files_counts_for_the_date() -> None:
    """An included file that changed later than the list itself moves the date."""
    own = SourceFile("binder/requirements.txt", "-r ../more.txt\n", MAY)
    fetched = Fetched("c" * 40, "binder", [own, SourceFile("more.txt", "numpy\n", JUNE, included=True)])
    assert specification(fetched).changed == JUNE


def test_setup_py_is_installed_too_beside_a_list_of_packages() -> None:
    """In the root, as repo2docker has it; a list in binder/ counts alone."""
    found = specification(repository(requirements_txt="numpy\n", setup_py="x"))
    assert (found.paths, found.own) == (["requirements.txt", "setup.py"], (Own("", where="setup.py"),))
    assert specification(repository("binder", requirements_txt="numpy\n", setup_py="x")).own == ()


def test_a_line_for_the_repository_itself_is_read_by_nobody_else() -> None:
    """All lines that it has, whichever file they are in; each folder is one package, with all of its extras."""
    own = SourceFile("binder/requirements.txt", "numpy\n-e ..[a] \\\n\n-r more.txt\n", MAY)
    more = SourceFile("binder/more.txt", "x @ git+https://x.org/ann/tides\n./sub\n.[b]  # it\n", MAY, included=True)
    fetched = Fetched("c" * 40, "binder", [own, more], "https://x.org/ann/tides.git", packaged=JUNE)
    found = specification(fetched)
    assert [(item.folder, item.extras) for item in found.own] == [("", ("a", "b")), ("sub", ())]
    lines = {(item.path.removeprefix("binder/"), item.number) for item in found.blank}
    assert lines == {("requirements.txt", 2), ("requirements.txt", 3), *(("more.txt", line) for line in (1, 2, 3))}
    assert found.own[0].where == "line 2 of binder/requirements.txt"
    assert "not as an editable one" in found.notes[0]


def test_a_pip_part_counts_from_the_folder_of_its_file() -> None:
    """Where conda runs pip."""
    text = "dependencies: [numpy, {pip: [six, -e ../, ./sub]}]\n"
    found = specification(repository("binder", environment_yml=text))
    assert [item.folder for item in found.own] == ["", "binder/sub"]
    assert found.conda is not None
    assert found.conda.pip == ("six",)
    with pytest.raises(BuildError, match=r"line 1 of environment\.yml: this leads out of the repository"):
        specification(repository(environment_yml=text))


def test_nothing_is_nothing() -> None:
    """A repository of notebooks has no specification and no date."""
    found = specification(repository())
    assert (found.paths, found.changed) == ([], None)


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile",
        "default_nix",
        "manifest_scm",
        "Project_toml",
        "REQUIRE",
        "install_R",
        "DESCRIPTION",
    ],
)
def test_what_is_not_honoured_is_named(name: str) -> None:
    """Neither is a part of a specification left out without a word."""
    with pytest.raises(BuildError, match=name.replace("_", r"\.")):
        specification(repository(**{name: "x"}))


def test_debian_packages_go_with_any_list_and_alone() -> None:
    """The file counts for the date as all others."""
    beside = SourceFile("binder/apt.txt", "tree\n", JUNE)
    lists = {"requirements.txt": "numpy\n", "environment.yml": "dependencies: [numpy]\n", "": ""}
    for name, text in lists.items():
        files = [SourceFile(f"binder/{name}", text, MAY)] if name else []
        found = specification(Fetched("c" * 40, "binder", [*files, beside]))
        assert found.debian == (Debian("tree", "", "line 1 of binder/apt.txt"),)
        assert (found.paths[-1], found.changed) == ("binder/apt.txt", JUNE)


@pytest.mark.parametrize(
    "line",
    [
        "../there",
        "-e ../..",
        "file:../there",
        "/there",
        "-e git+https://example.org/x#egg=x",
        "./x-1.0-py3-none-any.whl",
        "git+https://example.org/x",
        "x @ https://example.org/x.whl",
        "https://example.org/x.whl",
        "file:///etc/passwd",
        "--index-url https://example.org",
        "--extra-index-url=https://example.org",
        "-f https://example.org",
        "--find-links x",
        "--pre",
    ],
)
def test_lines_that_lead_elsewhere_are_refused(line: str) -> None:
    """Packages come from the cluster's indexes only, and the message names file and line."""
    with pytest.raises(BuildError, match=r"line 2 of requirements\.txt"):
        specification(repository(requirements_txt=f"numpy  # {line}\n{line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=1 ; python_version < '4'",
        "x[extra]==1.0",
        "# -e .",
        "-r more.txt",
        "-c more.txt",
        "-rmore.txt",
        "--requirement=more.txt",
        "--constraint more.txt",
        "numpy \\\n  >=1",
        "",
    ],
)
def test_ordinary_lines_pass(line: str) -> None:
    """What names packages of an index, and files of the repository, is left to the resolver."""
    specification(repository(requirements_txt=f"{line}\n"))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "example.org/x",
        "ssh://example.org/x",
        "git@example.org:x",
        "file:///etc",
        "https://",
        "https://a b/x",
        "https://example.org/x\n",
        "https://example.org:port/x",
        "https://münster.example.org/x",
        "ext::sh -c id",
        "--upload-pack=id",
        "https://user:word@example.org/x",
        "https://user@example.org/x",
        f"https://example.org/{'x' * 3000}",
    ],
)
def test_odd_addresses_are_refused(address: str) -> None:
    """Only http and https, without a password in it."""
    with pytest.raises(BuildError):
        check_address(address)


@pytest.mark.parametrize(
    "ref", ["", "-x", "--upload-pack=id", "a b", "a..b", "x.lock", "a@{1}", "a\n", "x" * 300, "a/"]
)
def test_odd_refs_are_refused(ref: str) -> None:
    """What git could take for an option, a range or nothing never reaches it."""
    with pytest.raises(BuildError):
        check_ref(ref)


@pytest.mark.parametrize("ref", ["main", "feature/x", "v1.2", "HEAD", "a" * 40, "release-2024_1", "fix#12"])
def test_ordinary_refs_pass(ref: str) -> None:
    """Branches, tags and commits as people name them."""
    check_ref(ref)


def test_dates_count_whole() -> None:
    """A day includes its evening; the commit's own moment and none are the other two ways."""
    assert cut_off("2024-06-01", None) == datetime(2024, 6, 2, tzinfo=UTC)
    assert cut_off("commit", JUNE) == JUNE
    assert cut_off("none", JUNE) is None
    with pytest.raises(BuildError, match="no date"):
        cut_off("yesterday", JUNE)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("fatal: could not read Username for 'http://x': terminal prompts disabled", "is private"),
        ("fatal: Authentication failed for 'http://x'", "is private"),
        ("fatal: repository 'http://x/' not found", "no git repository"),
        ("fatal: unable to access 'http://x/': Failed to connect to x port 1", "does not answer"),
        ("fatal: unable to access 'http://x/': The requested URL returned error: 404", "no git repository"),
        ("fatal: something else", "git cannot fetch"),
    ],
)
def test_what_git_says_becomes_words_for_people(said: str, shown: str) -> None:
    """Each common failure has a message of its own, and all else is shown as git said it."""
    assert shown in failure("ask", said, "http://x", "main").message


def test_the_solvers_explanation_is_shown_without_our_paths(tmp_path: Path) -> None:
    """The hint is what uv found, in one paragraph, and names no folder of this machine."""
    working = tmp_path
    said = f"  x No solution found when resolving:\n  ╰─▶ Because x==1 ({working}/tree/requirements.txt)\n      and y."
    error = explained(said, working)
    assert error.hint == "Because x==1 (requirements.txt) and y."
    assert str(working) not in error.message + error.hint
