"""YAML with places."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfleet._kit.yamlfile import BYTES_MAX, Tree, parse, read
from hubfleet.errors import ConfigErrors


def _error(raw: bytes) -> tuple[int, str]:
    with pytest.raises(ConfigErrors) as caught:
        parse(raw, "a.yaml")
    where = caught.value.errors[0].where
    assert where is not None
    return where.line, caught.value.errors[0].message


def test_values_and_their_lines() -> None:
    """Each key and list item knows its line."""
    tree = parse(b"a: 1\nb:\n  - x\n  - {c: true}\n", "a.yaml")
    assert tree.plain() == {"a": 1, "b": ("x", {"c": True})}
    assert isinstance(tree.value, dict)
    below = tree.value["b"]
    assert below.where.line == 2
    assert isinstance(below.value, tuple)
    assert [item.where.line for item in below.value] == [3, 4]


def test_words_of_yaml_1_1_are_text() -> None:
    """Only true and false are booleans."""
    assert parse(b"[yes, no, on, off, true, False, ~]", "a").plain() == ("yes", "no", "on", "off", True, False, None)


def test_quoted_text_is_text() -> None:
    """Quotes keep numbers and words as text."""
    assert parse(b"['1', \"true\", '']", "a").plain() == ("1", "true", "")


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        (b"a: 1\nb: 2\na: 3\n", 3, "written twice"),
        (b"a:\n\tb: 1\n", 2, "a tab"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        (b"a: &x 1\n", 1, "anchors and aliases"),
        (b"a: [1]\nb: *x\n", 2, "anchors and aliases"),
        (b"a: !!python/object x\n", 1, "tags"),
        (b"1: a\n", 1, "not a word"),
        (b"true: a\n", 1, "not a word"),
        (b"[a]: 1\n", 1, "a key must be a word"),
        (b"a: 1\n---\nb: 2\n", 2, "second document"),
        (b"a: 0755\n", 1, "different numbers"),
        (b"a: .inf\n", 1, "different numbers"),
        (b"a: " + b"9" * 5000 + b"\n", 1, "different numbers"),
        (b"[" * 5000, 1, "nested deeper"),
        (b"a: x\x07\n", 1, "a character"),
        (b"a: b: c\n", 1, "mapping values"),
    ],
)
def test_what_readers_disagree_about_is_an_error(raw: bytes, line: int, words: str) -> None:
    """What is unclear is refused, with its line."""
    found = _error(raw)
    assert found[0] == line
    assert words in found[1]


def test_all_that_can_be_said_is_said_at_once() -> None:
    """Errors that do not stop reading are collected."""
    with pytest.raises(ConfigErrors) as caught:
        parse(b"a: 1\na: 2\nb: &x 0x1f\n", "a.yaml")
    assert len(caught.value.errors) == 3


def test_nested_aliases_take_no_memory() -> None:
    """A bomb of aliases is refused like any alias."""
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert "anchors" in _error("\n".join(lines).encode())[1]


def test_a_large_file_is_refused() -> None:
    """Nobody writes a megabyte of configuration."""
    assert "larger than" in _error(b"#" * (BYTES_MAX + 1))[1]


def test_an_empty_file_is_an_empty_map() -> None:
    """Comments alone say nothing."""
    assert parse(b"# nothing\n", "a").plain() == {}


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    """A file that cannot be read is named."""
    with pytest.raises(ConfigErrors, match="1 error"):
        read(tmp_path / "none.yaml", "none.yaml")


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_give_a_tree_or_errors_with_a_place(raw: bytes) -> None:
    """Whatever the bytes, there is a tree, or errors that name the file."""
    _tree_or_errors(raw)


_PIECES = r"""a b [ ] { } &x *x !t | > ' " % --- ... 1 0x1 ~ true #c \U99999999 << ="""
_SPACES = [": ", "- ", ", ", "? ", "\n", "  ", "\t", "\r", "\u2028", "%YAML 1.1\n"]
_YAMLISH = st.lists(st.sampled_from([*_PIECES.split(), *_SPACES]), max_size=30)


@given(_YAMLISH)
def test_anything_like_yaml_gives_a_tree_or_errors_with_a_place(parts: list[str]) -> None:
    """Pieces of YAML in any order never raise anything else."""
    _tree_or_errors("".join(parts).encode())


def _tree_or_errors(raw: bytes) -> None:
    try:
        assert isinstance(parse(raw, "a.yaml"), Tree)
    except ConfigErrors as caught:
        assert caught.errors
        assert all(error.where is not None and error.where.file == "a.yaml" for error in caught.errors)
