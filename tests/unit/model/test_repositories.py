"""Lists of repositories, and spellings that try to pass by them."""

import pytest

from hubfleet.model.features import Builds
from hubfleet.model.repositories import same, taken

ANN = ("https://github.com/ann/*",)


@pytest.mark.parametrize(
    ("repository", "fits"),
    [
        ("https://github.com/ann/waves", True),
        ("https://github.com/ann/waves.git", True),
        ("https://GitHub.com:443/ann/waves/", True),
        ("https://github.com./ann/waves", True),
        ("https://github.com/bob/waves", False),
        ("http://github.com/ann/waves", False),
        ("https://github.com:8443/ann/waves", False),
        ("https://github.com/ann/../bob/waves", False),
        ("https://github.com/ann/%2e%2e/bob/waves", False),
        ("https://github.com/ann//waves", False),
        ("https://github.com/ann\\@evil.example/x", False),
        ("https://ann@github.com/ann/waves", False),
        ("https://evil.example/https://github.com/ann/waves", False),
        ("https://github.com.evil.example/ann/waves", False),
        ("no address", False),
    ],
)
def test_only_what_a_pattern_names(repository: str, fits: bool) -> None:
    """However it is spelled."""
    assert taken(repository, only=ANN) is fits


@pytest.mark.parametrize(
    "repository",
    [
        "https://github.com/ann/waves",
        "https://github.com/Ann/WAVES.git",
        "https://github.com/ann/%77aves",
        "https://github.com/ann/./waves",
        "https://github.com:443/ann/waves/",
    ],
)
def test_no_spelling_passes_by_what_is_blocked(repository: str) -> None:
    """Odd ones count as blocked, wherever something is."""
    assert not taken(repository, never=["https://github.com/ann/waves"])


def test_a_star_in_the_host_stays_in_the_host() -> None:
    """Or any address would fit that has the name in its path."""
    only = ["https://*.example.org/*"]
    assert taken("https://git.example.org/a", only=only)
    assert not taken("https://evil.test/x.example.org/a", only=only)


def test_without_lists_everything_is_taken() -> None:
    """The cluster has limits of its own."""
    assert taken("https://git.test/a//b")


def test_spellings_of_one_repository_are_one() -> None:
    """As limits count them."""
    assert same("https://GitHub.com:443/Ann/waves.git") == same("https://github.com/ann/waves/")
    assert same("https://github.com/ann/waves") != same("https://github.com/ann/tides")


@pytest.mark.parametrize("pattern", ["github.com/ann/*", "https://github.com", "*", "git@github.com:ann/*", "https://"])
def test_a_pattern_is_an_address_in_full(pattern: str) -> None:
    """What would never fit is refused at once."""
    with pytest.raises(ValueError, match="no pattern of repositories"):
        Builds.model_validate({"repositories": [pattern]})
