"""Which lines ask for a package out of the repository itself."""

import pytest

from hubfleet.agent.environments import own_lines
from hubfleet.agent.environments.specification import Own
from hubfleet.errors import BuildError

HERE = "https://github.com/Ann/Tides"


def parsed(line: str, *folders: str, repository: str = HERE) -> tuple[str, tuple[str, ...]] | None:
    """Return folder and extras."""
    found = own_lines.parse(line, "line 1 of x", folders or ("",), repository)
    return found and (found[0].folder, found[0].extras)


@pytest.mark.parametrize(
    ("line", "folder", "extras"),
    [
        ("-e .", "", ()),
        ("--editable=.", "", ()),
        ("--editable ./", "", ()),
        (".", "", ()),
        ("-e .[b, a]", "", ("a", "b")),
        (". [a]", "", ("a",)),
        ("./sub", "sub", ()),
        ("-e sub", "sub", ()),
        ("packages/one/", "packages/one", ()),
        ("./a/../b", "b", ()),
        ("file:.", "", ()),
        ("-e file:./sub[a]", "sub", ("a",)),
        ("tides @ file:.", "", ()),
        ("git+https://github.com/Ann/Tides", "", ()),
        ("-e git+https://github.com/ann/tides.git@main#egg=tides[a]", "", ("a",)),
        ("git+https://github.com/ann/tides/#subdirectory=sub&egg=x", "sub", ()),
        ("tides[a] @ git+http://github.com/ann/tides@v1.0", "", ("a",)),
    ],
)
def test_the_repository_itself_is_meant(line: str, folder: str, extras: tuple[str, ...]) -> None:
    """By a path or its own address, with extras."""
    assert parsed(line) == (folder, extras)


@pytest.mark.parametrize(
    "line", ["six", "six>=1", "-r sub/more.txt", "-rsub/more.txt", "x[a]==1; python_version<'4'", ""]
)
def test_ordinary_lines_are_left_alone(line: str) -> None:
    """They are the resolver's."""
    assert parsed(line) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("..", "leads out of the repository"),
        ("-e ./a/../../b", "leads out of the repository"),
        ("/etc", "leads out of the repository"),
        ("file:///etc", "leads out of the repository"),
        ("-e ./a#b", "no folder has such a name"),
        ("-e 'a b'", "no folder has such a name"),
        (". ; python_version > '3'", "conditions after `;`"),
        ("git+https://github.com/ann/tides#subdirectory=../x", "leads out of the repository"),
        ("git+https://github.com/ann/other", "come from an address"),
        ("git+https://github.com.evil.org/ann/tides", "come from an address"),
        ("git+https://github.com:8443/ann/tides", "come from an address"),
        ("git+https://ann@evil.org/ann/tides", "come from an address"),
        ("git+ssh://git@github.com/ann/tides", "come from an address"),
        ("git+https://[x/ann/tides", "come from an address"),
        ("https://github.com/ann/tides", "come from an address"),
        ("hg+https://github.com/ann/tides", "come from an address"),
        ("x @ https://github.com/ann/tides.whl", "come from an address"),
        ("./x.tar.gz", "a package that is a file"),
    ],
)
def test_what_leads_elsewhere_is_refused(line: str, said: str) -> None:
    """With the line itself and its place."""
    with pytest.raises(BuildError) as caught:
        parsed(line)
    assert caught.value.message.startswith("line 1 of x: ")
    assert said in caught.value.message


def test_the_first_folder_counts_that_does_not_lead_out() -> None:
    """Pip runs in the root; what leads out of it from there is meant from the file."""
    assert parsed("-e .", "", "binder") == ("", ())
    assert parsed("-e ..", "", "binder") == ("", ())
    assert parsed("-e ../sub", "", "binder") == ("sub", ())
    with pytest.raises(BuildError):
        parsed("-e ../..", "", "binder")


def test_what_is_done_otherwise_is_said() -> None:
    """An editable package is an ordinary one, and a ref of the same repository means this commit."""
    told = [own_lines.parse(line, "line 1 of x", ("",), HERE) for line in ("-e .", ".", f"git+{HERE}@v1")]
    assert [found and found[1] for found in told] == [
        "line 1 of x: it is installed as an ordinary package, not as an editable one",
        "",
        "line 1 of x: the files of this commit are meant, not those of 'v1'",
    ]
    assert told[1] == (Own("", (), "line 1 of x"), "")


def test_a_folder_stays_within() -> None:
    """However the sandbox would name it."""
    assert all(map(own_lines.is_folder, ("", "a/b", "..a")))
    assert not any(map(own_lines.is_folder, ("..", "/a", "a/../b", "a//b", "a/", "a\nb")))
