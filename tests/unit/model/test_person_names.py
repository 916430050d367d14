"""Names of people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfleet.model.person_names import normal, valid


@given(st.text())
def test_a_name_beyond_ascii_never_becomes_one_of_ascii(name: str) -> None:
    """No stranger becomes somebody else by their letters being lowered."""
    if not name.isascii():
        assert not (valid(normal(name)) and normal(name).isascii())


@given(st.text(), st.text())
def test_two_names_are_one_person_only_where_case_alone_differs(one: str, other: str) -> None:
    """What is brought together differs in case and nothing else."""
    if normal(one) == normal(other) and valid(normal(one)):
        assert one.lower() == other.lower()


@given(st.text())
def test_normal_is_final(name: str) -> None:
    """A normal name is its own normal name."""
    assert normal(normal(name)) == normal(name)


@pytest.mark.parametrize("name", ["ana", "ana maría", "gül@example.org", "uni:bo", "李雷", "o'hara & <i>", "a" * 255])
def test_odd_but_honest_names_are_valid(name: str) -> None:
    """Spaces within, accents, `@`, quotes and any script are fine."""
    assert valid(normal(name))


@pytest.mark.parametrize(
    "name",
    ["", " ana", "ana ", "a/b", "\u212aate", "bo\u200b", "bo\n", "bo\u202eanna", "cafe\u0301", "a" * 256, "a\u00a0b"],
)
def test_names_that_look_like_others_or_break_pages_are_not_valid(name: str) -> None:
    """Invisible letters, other ways to write the same, line ends, slashes and over-long names are refused."""
    assert not valid(normal(name))
