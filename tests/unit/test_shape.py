"""The shape of the code: files and functions that can be read at once."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 500
FUNCTION_LINES_MAX = 40
"""Without the signature and the docstring."""


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "docs", "scripts"])
def test_no_file_is_too_long_to_read_at_once(folder: str) -> None:
    """A file beyond the limit holds two subjects."""
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert [str(path) for path, length in lengths.items() if length > LINES_MAX] == []


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "docs", "scripts"])
def test_no_function_is_too_long_to_read_at_once(folder: str) -> None:
    """A function beyond the limit does two things."""
    too_long = []
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and (body[-1].end_lineno or 0) - body[0].lineno >= FUNCTION_LINES_MAX:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert too_long == []
