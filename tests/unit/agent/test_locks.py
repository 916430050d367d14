"""Locks: one canonical text for packages of PyPI and of conda channels, in which nothing leads elsewhere."""

import pytest

from hubfleet.agent.environments import locks
from hubfleet.errors import StateError

HASH = f"--hash=sha256:{'a' * 64}"
PYTHON = f"conda:conda-forge/linux-64/python-3.13.5-h1_0_cpython.conda {HASH}"
TZDATA = f"conda:conda-forge/noarch/tzdata-2025b-0.tar.bz2 {HASH}"
SIX = f"six==1.16.0 {HASH}"
BOTH = f"{TZDATA}\n\n# six\n{SIX}\n{PYTHON}\n"


def test_both_kinds_are_sorted_conda_first() -> None:
    """The same packages have the same text, however they were written down."""
    found = locks.canonical(BOTH)
    assert found == f"{PYTHON}\n{TZDATA}\n{SIX}\n"
    assert locks.canonical(f"{SIX}\n{PYTHON}\n{TZDATA}") == found == locks.canonical(found)


def test_parts_are_told_apart() -> None:
    """Rattler gets the one, uv the other."""
    found = locks.canonical(BOTH)
    assert locks.requirements(found) == f"{SIX}\n"
    python, tzdata = locks.conda_packages(found)
    assert (python.name, python.version, python.build, python.subdir) == (
        "python",
        "3.13.5",
        "h1_0_cpython",
        "linux-64",
    )
    assert (tzdata.channel, tzdata.file_name, tzdata.sha256) == ("conda-forge", "tzdata-2025b-0.tar.bz2", "a" * 64)
    assert [python.line, tzdata.line] == [PYTHON, TZDATA]


def test_a_lock_of_pypi_alone_keeps_its_digest() -> None:
    """What was made before conda was known is found again."""
    text = locks.canonical(f"six==1.16.0 \\\n    {HASH}\n")
    assert text == f"{SIX}\n"
    assert locks.digest(text) == "ee47849b79d92fa84a292e42000c5e4606b931258342d3c4bbcdadf3c067ef98"


@pytest.mark.parametrize(
    "line",
    [
        f"conda:https://elsewhere.example/noarch/x-1-0.conda {HASH}",
        f"conda:../noarch/x-1-0.conda {HASH}",
        f"conda:conda-forge/label/dev/noarch/x-1-0.conda {HASH}",
        f"conda:conda-forge/noarch/../x-1-0.conda {HASH}",
        f"conda:conda-forge/noarch/x-1-0.conda?x {HASH}",
        f"conda:conda-forge/win-64/x-1-0.conda {HASH}",
        f"conda:conda-forge/noarch/x-1.conda {HASH}",
        f"conda:conda-forge/noarch/x-1-0.zip {HASH}",
        "conda:conda-forge/noarch/x-1-0.conda",
        "conda:conda-forge/noarch/x-1-0.conda --hash=sha256:abc",
        f"https://conda.anaconda.org/conda-forge/noarch/x-1-0.conda {HASH}",
        "--index-url https://elsewhere.example",
        "six==1.16.0",
    ],
)
def test_what_is_no_exact_package_with_a_hash_is_refused(line: str) -> None:
    """Neither an address, nor a way out of the channel, nor a package without its hash."""
    with pytest.raises(StateError, match="no exact version with hashes"):
        locks.canonical(f"{PYTHON}\n{line}\n")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([PYTHON, PYTHON.replace("3.13.5", "3.12.1")], "two versions of python"),
        ([TZDATA], "no Python"),
        ([PYTHON, f"conda:conda-forge/linux-aarch64/x-1-0.conda {HASH}"], "two platforms"),
    ],
)
def test_conda_packages_that_cannot_be_one_environment_are_refused(lines: list[str], said: str) -> None:
    """Before anything is fetched."""
    with pytest.raises(StateError, match=said):
        locks.canonical("\n".join(lines))


def test_a_post_build_is_the_last_line_and_makes_another_digest() -> None:
    """It has no hash: it names what was run, not what came of it. Neither uv nor rattler gets it."""
    packages, wanted = locks.canonical(BOTH), locks.PostBuild("https://x.org/tides", "a" * 40)
    found = locks.with_post_build(packages, wanted)
    assert found.splitlines()[-1] == f"postbuild:https://x.org/tides@{'a' * 40}"
    assert locks.canonical("\n".join(reversed(found.splitlines()))) == found
    assert locks.post_build(found) == wanted
    assert locks.post_build(packages) is None
    assert locks.without_post_build(found) == packages
    assert locks.digest(found) != locks.digest(packages)
    assert (locks.requirements(found), locks.conda_packages(found)) == (f"{SIX}\n", locks.conda_packages(packages))


@pytest.mark.parametrize(
    "lines",
    [
        ["postbuild:https://x.org/tides@main"],
        ["postbuild:file:///etc@" + "a" * 40],
        ["postbuild:https://x.org/a b@" + "a" * 40],
        ["postbuild:https://x.org/a@" + "a" * 40, "postbuild:https://x.org/b@" + "a" * 40],
    ],
)
def test_a_post_build_that_names_no_commit_of_one_repository_is_refused(lines: list[str]) -> None:
    """Before anything is fetched."""
    with pytest.raises(StateError):
        locks.canonical("\n".join([SIX, *lines]))


def test_own_packages_stand_after_what_builds_them_and_before_a_post_build() -> None:
    """They have no hash, as they are made anew; what builds them has, and is in no environment but that one."""
    wanted = [locks.Own("https://x.org/tides", "a" * 40), locks.Own("https://x.org/tides", "a" * 40, "sub/one")]
    packages, tools = locks.canonical(BOTH), locks.canonical(f"wheel==1.0 {HASH}\nhatchling==1.27.0 {HASH}\n")
    found = locks.with_own(packages, tools, wanted)
    whole = locks.with_post_build(found, locks.PostBuild("https://x.org/tides", "a" * 40))
    assert whole.splitlines()[-5:] == [
        f"build:hatchling==1.27.0 {HASH}",
        f"build:wheel==1.0 {HASH}",
        f"own:https://x.org/tides@{'a' * 40}",
        f"own:https://x.org/tides@{'a' * 40}#sub/one",
        f"postbuild:https://x.org/tides@{'a' * 40}",
    ]
    assert locks.canonical("\n".join(reversed(whole.splitlines()))) == whole
    assert locks.without_post_build(whole) == found
    assert locks.own(whole) == wanted
    assert locks.requirements(whole) == f"{SIX}\n"
    # conda's packages are there when it is built
    assert locks.tools(whole) == locks.canonical(f"{PYTHON}\n{TZDATA}\n{tools}")


@pytest.mark.parametrize(
    "lines",
    [
        ["own:https://x.org/tides@main"],
        ["own:file:///etc@" + "a" * 40],
        ["own:https://x.org/a@" + "a" * 40 + "#../b"],
        ["own:https://x.org/a@" + "a" * 40 + "#b/./c"],
        ["own:https://x.org/a@" + "a" * 40 + "#/etc"],
        ["own:https://x.org/a@" + "a" * 40 + "#"],
        [f"build:wheel==1.0 {HASH}"],
        ["own:https://x.org/a@" + "a" * 40, "build:wheel==1.0"],
        [f"own:https://x.org/a@{'a' * 40}#f{number}" for number in range(21)],
    ],
)
def test_an_own_package_that_cannot_be_built_anew_is_refused(lines: list[str]) -> None:
    """It has to be a folder of a repository at a commit, built by exact packages."""
    with pytest.raises(StateError):
        locks.canonical("\n".join([SIX, *lines]))
