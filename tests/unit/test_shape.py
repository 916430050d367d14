"""The shape of the code: files that can be read at once."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 500


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "docs", "scripts"])
def test_no_file_is_too_long_to_read_at_once(folder: str) -> None:
    """A file beyond the limit holds two subjects."""
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert [str(path) for path, length in lengths.items() if length > LINES_MAX] == []
