"""Empty wheels in the place of conda's packages, and a lock without them."""

from pathlib import Path

from hubfleet.agent.environments import standins
from hubfleet.agent.environments.conda import Chosen
from hubfleet.agent.environments.locks import CondaPackage


def chosen(name: str, version: str, *, for_python: bool = True) -> Chosen:
    package = CondaPackage("conda-forge", "noarch", name, version, "0", f"{name}-{version}-0.conda", "a" * 64)
    return Chosen(package, for_python)


def test_packages_of_python_stand_in_by_their_name_and_version(tmp_path: Path) -> None:
    """Libraries of other kinds, and versions that PyPI cannot have, do not."""
    found = standins.write(
        tmp_path,
        [chosen("ruamel.yaml", "0.18.6"), chosen("openssl", "3.3.1", for_python=False), chosen("odd", "2024b_1")],
    )
    assert found == "ruamel_yaml==0.18.6+conda\n"
    assert [path.name for path in tmp_path.iterdir()] == ["ruamel_yaml-0.18.6+conda-py3-none-any.whl"]


def test_they_are_left_out_of_the_lock() -> None:
    """With their hashes, wherever they are; a package that only looks like one stays."""
    kept = "six==1.16.0 \\\n    --hash=sha256:b"
    other = "conda==1.0 \\\n    --hash=sha256:c\n    --hash=sha256:d\n"
    first = "numpy==2.0+conda \\\n    --hash=sha256:a\n"
    compiled = f"{first}{kept}\nzip==1.0+conda ; python_version > '3' \\\n    --hash=x\n{other}"
    assert standins.left_out(compiled) == f"{kept}\n{other}"
    assert standins.left_out(first) == ""
