"""A repository's address and a path in it, as every program that hears of them checks them."""

import pytest
from pydantic import ValidationError

from hubfleet.model.content import Content

RIGHT = {"repository": "https://git.test/ann/waves", "commit": "a" * 40}


@pytest.mark.parametrize(
    "repository",
    ["http://127.0.0.1:80/x", "https://[::1]:8/x", "https://git.test", "https://a-b.c_d/e?f=g#h", "https://x/$(id)';`"],
)
def test_addresses_of_the_web_are_taken(repository: str) -> None:
    """Whatever their path looks like."""
    assert Content.model_validate(RIGHT | {"repository": repository}).repository == repository


@pytest.mark.parametrize(
    "repository",
    ["https://u:p@x/y", "https://u@x", "ssh://x/y", "https:///x", "https://x y/z", "https://x/a b", "https://x\n", ""],
)
def test_other_addresses_are_refused(repository: str) -> None:
    """Those that hold a password most of all."""
    with pytest.raises(ValidationError):
        Content.model_validate(RIGHT | {"repository": repository})


@pytest.mark.parametrize("path", ["", "a", "a/b.ipynb", "a//b/", "./a", ".a/..b", "a/.b/...", "..x", "ä ö"])
def test_paths_within_are_taken(path: str) -> None:
    """Dots in names are no way out."""
    assert Content.model_validate(RIGHT | {"open": path}).open == path


@pytest.mark.parametrize("path", ["/a", "..", "a/..", "a/../b", "../x", "a\nb", "a/..\n", "x" * 1001])
def test_paths_that_lead_out_are_refused(path: str) -> None:
    """Also at their end, and after a line's."""
    with pytest.raises(ValidationError):
        Content.model_validate(RIGHT | {"open": path})
