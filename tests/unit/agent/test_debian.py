"""apt.txt, its lines in locks, and what servers see of Debian packages."""

from pathlib import Path, PurePosixPath

import pytest

from hubfleet.agent.environments import apt_file, locks
from hubfleet.agent.environments.debs import _explained, _position
from hubfleet.agent.environments.specification import Debian
from hubfleet.agent.launchers import layered
from hubfleet.agent.launchers.sandbox import Bind
from hubfleet.errors import BuildError, StateError

HASH = f"--hash=sha256:{'a' * 64}"
RELEASE = "apt-release:debian-bookworm-amd64"
TREE = f"apt:tree=2.1.0-1:amd64 {HASH}"
SSH = f"apt:openssh-client=1:9.2p1-2+deb12u10:amd64 {HASH}"
SIX = f"six==1.16.0 {HASH}"
LOCK = f"{RELEASE}\napt-system:curl\n{SSH}\n{TREE}\n{SIX}\n"


def test_names_are_read_as_repo2docker_reads_them() -> None:
    """Comments, several on a line, and versions; each once."""
    found = apt_file.parse("# all\ntree  g++ # two\n\nlibstdc++6=12.2.0-14\ntree\n", "binder/apt.txt")
    assert found == (
        Debian("tree", "", "line 2 of binder/apt.txt"),
        Debian("g++", "", "line 2 of binder/apt.txt"),
        Debian("libstdc++6", "12.2.0-14", "line 4 of binder/apt.txt"),
    )


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("-y", "options of apt"),
        ("--allow-unauthenticated", "options of apt"),
        ("./tree.deb", "a path or a release"),
        ("tree/sid", "a path or a release"),
        ("tree:i386", "another architecture"),
        ("lib*", "in full"),
        ("dpkg-", "no name of a Debian package"),
        ("Tree", "no name of a Debian package"),
        ("tree;id", "no name of a Debian package"),
        ("$(id)", "no name of a Debian package"),
        ("tree=", "no name of a Debian package"),
        ("tree=1;id", "no name of a Debian package"),
        ("?essential", "in full"),
        ("~n.", "no name of a Debian package"),
    ],
)
def test_what_is_no_name_is_refused_with_its_line(word: str, why: str) -> None:
    """Options, paths, patterns, removals and shell."""
    with pytest.raises(BuildError) as refused:
        apt_file.parse(f"tree\n{word}\n", "apt.txt")
    assert refused.value.message.startswith("line 2 of apt.txt: ")
    assert why in refused.value.message


def test_two_versions_of_a_package_are_refused() -> None:
    """With both lines."""
    with pytest.raises(BuildError, match=r"line 3 of apt\.txt: tree is asked for in two versions") as refused:
        apt_file.parse("tree=1\ntree\ntree=2\n", "apt.txt")
    assert "line 1 of apt.txt" in refused.value.hint


def test_lines_of_debian_stand_first_in_a_lock() -> None:
    """And uv sees none of them; what builds a repository's own package does."""
    found = locks.canonical(f"{SIX}\n{TREE}\napt-system:curl\n{SSH}\n{RELEASE}\n")
    assert found == LOCK
    assert locks.debian(found) == LOCK.removesuffix(f"{SIX}\n")
    assert locks.requirements(found) == f"{SIX}\n"
    assert locks.of_system(found) == ["curl"]
    assert locks.debian_release(found) == "debian-bookworm-amd64"
    ssh, tree = locks.debian_packages(found)
    assert (ssh.version, tree.architecture, [ssh.line, tree.line]) == ("1:9.2p1-2+deb12u10", "amd64", [SSH, TREE])
    assert locks.tools(found) == locks.debian(found)


def test_a_package_of_pypi_whose_name_begins_alike_is_one() -> None:
    """Only a colon makes the difference."""
    assert locks.debian(locks.canonical(f"apt-x==1 {HASH}\naptly==1 {HASH}\n")) == ""


@pytest.mark.parametrize(
    "text",
    [
        f"{TREE}\n",
        f"{RELEASE}\napt-release:debian-trixie-amd64\n{TREE}\n",
        f"{RELEASE}\n{TREE}\napt:tree=2.2:amd64 {HASH}\n",
        f"{RELEASE}\n{TREE}\napt-system:tree\n",
        f"{RELEASE}\napt:tree=2.1.0-1:amd64\n",
        f"{RELEASE}\napt:../tree=2.1.0-1:amd64 {HASH}\n",
        f"{RELEASE}\napt:tree=-o:amd64 {HASH}\n",
        f"{RELEASE}\napt-system:--help\n",
    ],
)
def test_lines_that_lead_elsewhere_are_no_lock(text: str) -> None:
    """Of no one release, twice, without a hash, or what apt could take for an option."""
    with pytest.raises(StateError):
        locks.canonical(text)


def test_a_layer_lies_over_usr_and_takes_the_place_of_the_rest(tmp_path: Path) -> None:
    """What is mounted below /usr stays, and links on top of it are none."""
    for part in ("usr/bin", "etc/alternatives", "etc/R", "var/lib/texmf"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "etc/shadow").symlink_to("/etc/shadow")
    system = [Bind(Path(path), PurePosixPath(path)) for path in ("/usr", "/etc/alternatives", "/etc/timezone")]
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 8:2 / /usr/local\\040x rw - ext4 /dev/y rw\n3 1 8:3 / /usrx rw - x y\n"
    )
    binds, (overlay,) = layered.over(system, tmp_path, mounts)
    seen = {str(bind.target): bind.source for bind in binds}
    assert seen == {
        "/etc/timezone": Path("/etc/timezone"),
        "/usr/local x": Path("/usr/local x"),
        "/etc/R": tmp_path / "etc/R",
        "/etc/alternatives": tmp_path / "etc/alternatives",
        "/var/lib/texmf": tmp_path / "var/lib/texmf",
    }
    assert not any(bind.writable for bind in binds)
    assert (overlay.target, list(overlay.lower), overlay.upper) == (layered.USR, [Path("/usr"), tmp_path / "usr"], None)


def test_apts_explanation_is_told_without_what_it_says_each_time() -> None:
    """And the package that it begins with is the one whose line is named."""
    said = "Reading…\nThe following packages have unmet dependencies:\n whales : Depends: tides (>= 9)\n"
    text = _explained(said, "W: odd\nE: held broken packages.\n")
    assert text == "whales : Depends: tides (>= 9) odd held broken packages."
    assert min(("tides", "tide", "whales"), key=lambda name: _position(name, text)) == "whales"
    assert _position("tide", text) == len(text)
