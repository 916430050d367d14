"""The architecture page says what import-linter holds."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_layers_are_those_of_the_contract() -> None:
    """The page's list of layers equals the contract's."""
    page = (ROOT / "docs/explanation/architecture.md").read_text()
    shown = re.search(r"## Layers\n.*?```text\n(.*?)```", page, re.DOTALL)
    assert shown
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert shown[1].splitlines() == layers


def test_each_layer_exists() -> None:
    """A layer is a package or module of hubfleet."""
    page = (ROOT / "docs/explanation/architecture.md").read_text()
    names = re.findall(r"[a-z_]+", page.partition("```text\ntesting")[2].partition("```")[0])
    for name in names:
        assert list((ROOT / "src/hubfleet").glob(f"{name}*"))
