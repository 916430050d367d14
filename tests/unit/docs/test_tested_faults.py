"""The page of faults and attacks names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/explanation/tested-faults.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.endswith("shown by |")]


def _named(row: str) -> list[str]:
    return re.findall(r"`([\w/]+\.py::\w+)`", row.rstrip(" |").rpartition(" | ")[2])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0].strip("| ")[:60])
def test_each_line_is_shown_by_tests_that_exist(row: str) -> None:
    """Whoever renames or removes a test mends the page."""
    assert row.count(" | ") == 2
    assert _named(row)
    for name in _named(row):
        path, _, function = name.partition("::")
        tree = ast.parse((ROOT / "tests" / path).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in functions, name


def test_the_page_is_as_long_as_it_was() -> None:
    """The parser above finds its lines."""
    assert len(ROWS) > 40
