"""Addresses of submodules: git's rules for relative ones, and none that leads elsewhere."""

import pytest

from hubfleet.agent.environments.submodules import address_of
from hubfleet.errors import BuildError

PARENT = "https://git.example.org/lab/tides.git"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("../waves.git", "https://git.example.org/lab/waves.git"),
        ("../../sea/waves", "https://git.example.org/sea/waves"),
        ("./inner", "https://git.example.org/lab/tides.git/inner"),
        ("https://other.example.org:8443/x", "https://other.example.org:8443/x"),
        ("git@github.com:lab/waves.git", "https://github.com/lab/waves"),
        ("git://github.com/lab/waves", "https://github.com/lab/waves"),
        ("git@git.example.org:lab/waves.git", ""),
    ],
)
def test_what_an_address_means(url: str, address: str) -> None:
    """Beside the repository, elsewhere, or for ssh where https has the same."""
    assert address_of(PARENT, url, ".gitmodules:3") == address


@pytest.mark.parametrize(
    "url",
    [
        *("-u./payload", "--upload-pack=x", "ext::sh -c x", "file:///etc", "/etc", "ftp://x/y", "fd::1", "https://"),
        *("https://ann:secret@x.org/y", "../../../x", "../a/../../b", "../", "./", "https://[x/y", "x"),
    ],
)
def test_what_leads_elsewhere_is_refused_with_its_line(url: str) -> None:
    """Options, programs, folders of the machine, passwords, and steps above the server's root."""
    with pytest.raises(BuildError, match=r"^\.gitmodules:3: "):
        address_of(PARENT, url, ".gitmodules:3")
