"""What people paste for a repository."""

import pytest

from hubfleet.model.addresses import canonical, name_of
from hubfleet.model.repositories import taken

DOI = "https://doi.org/10.5281/zenodo.3242074"


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ("10.5281/zenodo.3242074", DOI),
        ("doi:10.5281/zenodo.3242074", DOI),
        (" DOI: 10.5281/zenodo.3242074 ", DOI),
        ("http://dx.doi.org/10.5281/zenodo.3242074", DOI),
        ("https://doi.org/10.5281%2Fzenodo.3242074/", DOI),
        ("https://data.test/dataset.xhtml?persistentId=doi:10.7910/DVN/A", "https://doi.org/10.7910/DVN/A"),
        (
            "https://data.test/file.xhtml?persistentId=doi:10.7910/DVN/A/B&version=1.0",
            "https://doi.org/10.7910/DVN/A/B",
        ),
        ("https://data.test/dataset.xhtml?persistentId=hdl:1902.1/1", "https://hdl.handle.net/1902.1/1"),
        ("https://open.test/dataset/sea?activity_id=a1", "https://open.test/dataset/sea/history/a1"),
        ("https://zenodo.org/records/3242074", "https://zenodo.org/records/3242074"),
        ("https://github.com/ann/waves", "https://github.com/ann/waves"),
        ("https://git.test/waves?tab=readme", "https://git.test/waves?tab=readme"),
    ],
)
def test_one_address_is_meant(pasted: str, meant: str) -> None:
    """However a DOI is written; anything else stays as it is."""
    assert canonical(pasted) == meant


@pytest.mark.parametrize("pasted", ["10.5281/../x", "https://doi.org/zenodo.1", "doi:10.5281/a b", "10.5281/x#y"])
def test_what_is_no_doi_is_refused(pasted: str) -> None:
    """With one that is."""
    with pytest.raises(ValueError, match="no DOI"):
        canonical(pasted)


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ("git@github.com:ann/waves.git", "https://github.com/ann/waves"),
        ("ssh://git@github.com/ann/waves.git", "https://github.com/ann/waves"),
        ("ssh://git@ssh.github.com:443/ann/waves.git", "https://github.com/ann/waves"),
        ("git@GitLab.com:group/sub/waves.git", "https://gitlab.com/group/sub/waves"),
        ("ssh://git@altssh.gitlab.com:443/group/waves", "https://gitlab.com/group/waves"),
        ("git@bitbucket.org:ann/waves.git", "https://bitbucket.org/ann/waves"),
        ("git@codeberg.org:ann/2024.git", "https://codeberg.org/ann/2024"),
        ("git@git.sr.ht:~ann/waves", "https://git.sr.ht/~ann/waves"),
        ("git@gist.github.com:0123abcd.git", "https://gist.github.com/0123abcd"),
    ],
)
def test_an_address_for_ssh_is_the_one_that_https_has(pasted: str, meant: str) -> None:
    """At the hosts that serve the same by both."""
    assert canonical(pasted) == meant


@pytest.mark.parametrize(
    "pasted",
    [
        "git@git.test:ann/waves.git",
        "ssh://git.test/waves",
        "ssh://",
        "git@github.com:",
        "ssh://github.com.evil.test/ann/waves",
        "ssh://-oProxyCommand=x@github.com@evil.test/a",
        "deploy@github.com.evil.test:ann/waves",
    ],
)
def test_another_host_has_no_twin(pasted: str) -> None:
    """The message says which address to give."""
    with pytest.raises(ValueError, match="starts with https://"):
        canonical(pasted)


def test_what_is_no_address_is_refused() -> None:
    """With a sentence."""
    with pytest.raises(ValueError, match="no web address"):
        canonical("https://[::1/waves")


def test_lists_of_a_hub_judge_dois_by_one_address() -> None:
    """However they are written."""
    assert taken(canonical("doi:10.5281/zenodo.1"), only=["https://doi.org/10.5281/*"])
    assert not taken(canonical("http://dx.doi.org/10.5281/ZENODO.1"), never=["https://doi.org/10.5281/zenodo.1"])


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("https://github.com/ann/waves.git", "waves"),
        ("https://github.com/ann/2024/", "2024"),
        (DOI, "zenodo.3242074"),
        ("https://zenodo.org/records/3242074", "records-3242074"),
        ("https://figshare.com/articles/dataset/waves/9784088/2", "waves-9784088-2"),
        ("https://git.test", ""),
    ],
)
def test_a_name_tells_people_what_it_is(repository: str, name: str) -> None:
    """More than a number, where that is all that an address ends with."""
    assert name_of(repository) == name
