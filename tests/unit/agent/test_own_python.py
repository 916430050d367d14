"""The Python that the start program makes for a person, on top of the base software or of an environment."""

import json
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from hubfleet.agent.launchers import singleuser

DIGITS = "0123456789ab"
Make = Callable[..., Path]


@pytest.fixture
def software(tmp_path: Path) -> Make:
    """Make what looks like realised software of some version of Python."""

    def make(name: str, version: str = "3.11", *packages: str) -> Path:
        prefix = tmp_path / name
        for package in packages:
            (prefix / "lib" / f"python{version}" / "site-packages" / package).mkdir(parents=True)
        system = tmp_path / "system" / version / "bin"
        system.mkdir(parents=True, exist_ok=True)
        (system / f"python{version}").touch()
        (prefix / "bin").mkdir()
        (prefix / "bin" / "python").symlink_to(system / f"python{version}")
        for kernel, command in (("python3", "python"), ("bash", "python"), ("xeus", "/opt/xeus")):
            folder = prefix / "share" / "jupyter" / "kernels" / kernel
            folder.mkdir(parents=True)
            (folder / "kernel.json").write_text(json.dumps({"argv": [command, "-m", kernel], "display_name": kernel}))
            (folder / "logo-64x64.png").write_text(kernel)
        return prefix

    return make


def kernels(own: Path) -> dict[str, dict[str, object]]:
    folder = own / "share" / "jupyter" / "kernels"
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/kernel.json")}


def test_each_environment_has_its_own_beside_that_of_the_base_software(tmp_path: Path, software: Make) -> None:
    """Named by version and digest; the base software's keeps its name and its kernel's."""
    base, environment = software("base", "3.11", "pip"), software("environment", "3.11", "pip")
    plain = singleuser._own_python(tmp_path / "home", base, "")
    own = singleuser._own_python(tmp_path / "home", environment, DIGITS)
    assert (plain, own) == tuple(tmp_path / "home/.hubfleet" / name for name in ("python3.11", f"python3.11-{DIGITS}"))
    assert kernels(plain)["python3"]["display_name"] == "Python 3 (ipykernel)"
    assert kernels(own)["python3"]["display_name"] == "Python 3.11 (environment)"


def test_the_version_is_the_environments_not_the_servers(tmp_path: Path, software: Make) -> None:
    """An environment with an older or newer Python works; conda's link `python3.1` is no version."""
    environment = software("environment", "3.14", "pip")
    (environment / "lib" / "python3.1").symlink_to("python3.14")
    own = singleuser._own_python(tmp_path / "home", environment, DIGITS)
    system = tmp_path / "system/3.14/bin"
    assert own.name == f"python3.14-{DIGITS}"
    assert (own / "bin/python3.14").readlink() == system / "python3.14"
    assert f"home = {system}\n" in (own / "pyvenv.cfg").read_text()
    shared = environment / "lib/python3.14/site-packages"
    assert repr(str(shared)) in (own / "lib/python3.14/site-packages/_hubfleet.pth").read_text()


@pytest.mark.parametrize(("packages", "lent"), [(("pip",), False), (("six",), True)])
def test_pip_is_lent_where_the_environment_has_none(
    tmp_path: Path, software: Make, packages: tuple[str, ...], lent: bool
) -> None:
    """After the environment's packages, and pip alone."""
    own = singleuser._own_python(tmp_path / "home", software("environment", "3.11", *packages), DIGITS)
    lines = (own / "lib/python3.11/site-packages/_hubfleet.pth").read_text().splitlines()[1:]
    assert lines == ([str(own / "share/pip")] if lent else [])
    if lent:
        assert {path.name: path.readlink() for path in Path(lines[0]).iterdir()} == {
            "pip": Path(sysconfig.get_path("purelib")) / "pip"
        }


def test_further_kernels_run_by_the_environments_python(tmp_path: Path, software: Make) -> None:
    """Jupyter would run what says `python` by the server's own; what names its program is found where it is."""
    own = singleuser._own_python(tmp_path / "home", software("environment", "3.11", "pip"), DIGITS)
    found = kernels(own)
    assert set(found) == {"python3", "bash"}
    assert found["bash"]["argv"] == [str(own / "bin/python"), "-m", "bash"]
    assert (own / "share/jupyter/kernels/bash/logo-64x64.png").read_text() == "bash"


def test_a_damaged_kernel_of_an_environment_stops_nothing(tmp_path: Path, software: Make) -> None:
    """Jupyter passes over it too."""
    environment = software("environment", "3.11", "pip")
    for number, text in enumerate(("{", "[]", "{}", '{"argv": []}', '{"argv": 3}')):
        folder = environment / "share/jupyter/kernels" / f"damaged{number}"
        folder.mkdir()
        (folder / "kernel.json").write_text(text)
    own = singleuser._own_python(tmp_path / "home", environment, DIGITS)
    assert set(kernels(own)) == {"python3", "bash"}


def test_where_the_home_takes_nothing_the_environments_kernel_runs_all_the_same(
    tmp_path: Path, software: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a full home Jupyter would fall back to the server's own Python, with other packages than asked for."""
    monkeypatch.setattr(singleuser, "SPARE", tmp_path / "spare")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.hubfleet").write_text("in the way")
    own = singleuser._own_python(tmp_path / "home", software("environment", "3.11", "pip"), DIGITS)
    assert own == tmp_path / "spare/.hubfleet" / f"python3.11-{DIGITS}"
    assert str(own / "bin/python") in str(kernels(own)["python3"]["argv"])


def test_a_second_start_changes_nothing(tmp_path: Path, software: Make) -> None:
    """What is there is left as it is, so that a full home does no harm then."""
    environment = software("environment", "3.11", "six")
    own = singleuser._own_python(tmp_path / "home", environment, DIGITS)
    before = {path: path.lstat().st_mtime_ns for path in own.rglob("*")}
    assert singleuser._own_python(tmp_path / "home", environment, DIGITS) == own
    assert {path: path.lstat().st_mtime_ns for path in own.rglob("*")} == before
