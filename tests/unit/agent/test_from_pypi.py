"""What of an environment.yml is asked of PyPI where conda's channels are not: names, versions, and what is told of."""

import runpy
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hubfleet.agent.environments import conda_names, environment_file, from_pypi
from hubfleet.agent.environments.specification import FromPypi
from hubfleet.errors import BuildError

ROOT = Path(__file__).parents[3]
EXPORT = """\
name: waves
channels:
  - conda-forge
  - defaults
dependencies:
  - _libgcc_mutex=0.1=conda_forge
  - _openmp_mutex=4.5=2_gnu
  - ca-certificates=2023.7.22=hbcca054_0
  - ld_impl_linux-64=2.40=h41732ed_0
  - libblas=3.9.0=17_linux64_openblas
  - libgcc-ng=13.1.0=he5830b7_0
  - libopenblas=0.3.23=pthreads_h80387f5_0
  - numpy=1.25.2=py311h64a7726_0
  - openssl=3.1.2=hd590300_0
  - python=3.11.4=hab00c5b_0_cpython
  - python_abi=3.11=3_cp311
  - pytorch=2.0.1=cpu_generic_py311_0
  - typing_extensions=4.7.1=pyha770c72_0
  - xorg-libxau=1.0.11=hd590300_0
  - xz=5.2.6=h166bdaf_0
  - pip:
      - cowsay==6.1
prefix: /home/ann/miniconda3/envs/waves
"""


def translated(text: str, python: str = "3.11.2") -> FromPypi:
    file = environment_file.parse(text, "environment.yml")
    return from_pypi.translated(file, conda_names.names(), ["conda-forge", "pytorch"], python=python)


@pytest.mark.parametrize(
    ("conda", "pypi"),
    [
        ("numpy", "numpy"),
        ("pandas", "pandas"),
        ("pytorch", "torch"),
        ("pytables", "tables"),
        ("matplotlib-base", "matplotlib"),
        ("matplotlib", "matplotlib"),
        ("dask-core", "dask"),
        ("dask", "dask[complete]"),
        ("opencv", "opencv-python-headless"),
        ("python-graphviz", "graphviz"),
        ("msgpack-python", "msgpack"),
        ("ruamel.yaml", "ruamel-yaml"),
        ("typing_extensions", "typing-extensions"),
        ("pip", "pip"),
        ("setuptools", "setuptools"),
        ("wheel", "wheel"),
    ],
)
def test_packages_have_pypis_names(conda: str, pypi: str) -> None:
    """As conda-forge's bots and those who write tools for it know them."""
    assert translated(f"dependencies: [{conda}]\n").requirements == (pypi,)


@pytest.mark.parametrize(
    "name",
    ["nodejs", "libgdal", "r-base", "mamba", "cxx-compiler", "gcc", "git", "graphviz", "brotli", "lmdb", "samtools"],
)
def test_what_is_no_python_package_is_asked_of_nobody(name: str) -> None:
    """PyPI may have another project of that name, or somebody may register it."""
    with pytest.raises(BuildError, match=rf"conda channels only, as far as is known: {name} \(line 3\)"):
        translated(f"dependencies:\n- numpy\n- {name}\n")


def test_all_that_cannot_be_had_is_named_at_once() -> None:
    """Each with its line, whatever is wrong with it."""
    text = "dependencies:\n- nodejs\n- numpy=1.2|1.4\n- python=3.8\n- r-base=4.3\n- mine::numpy\n"
    with pytest.raises(BuildError) as caught:
        translated(text)
    assert "nodejs (line 2), r-base (line 5), mine::numpy (line 6)" in caught.value.message
    assert "numpy=1.2|1.4 (line 3): versions with | have no counterpart" in caught.value.message
    assert "python=3.8 (line 4): the cluster's Python is 3.11.2" in caught.value.message
    assert "`pip:`" in caught.value.hint


def test_hundreds_that_cannot_be_had_are_counted() -> None:
    """So that the message can be read, and its end too."""
    lines = "".join(f"- no-such-{number}\n" for number in range(300))
    with pytest.raises(BuildError, match=r"no-such-39 \(line 41\), and 260 more "):
        translated(f"dependencies:\n{lines}")


def test_versions_and_channels_go_along() -> None:
    """`=1.26` means all that begin so."""
    found = translated(
        "dependencies: [numpy=1.26, 'scipy>=1.2,<2', conda-forge::pandas==2.1.0, 'pytorch::pytorch 2.0.*']\n"
    )
    assert found == FromPypi(("numpy==1.26.*", "scipy>=1.2,<2", "pandas==2.1.0", "torch==2.0.*"))


@pytest.mark.parametrize("line", ["python", "python>=3.10", "python=3.11", "python=3.9|3.11.*", "python 3.11.*"])
def test_the_clusters_python_fits(line: str) -> None:
    """Without a word."""
    assert translated(f"dependencies: ['{line}']\n") == FromPypi(())


@pytest.mark.parametrize("line", ["python=3.11.4", "python=3.11.9=hab00c5b_0_cpython", "python==3.11.0"])
def test_another_patch_of_python_does_too(line: str) -> None:
    """The same wheels serve it; it is told of."""
    assert translated(f"dependencies: ['{line}']\n").notes == (f"the cluster's Python 3.11.2 is used for {line}",)


@pytest.mark.parametrize(
    "line", ["python=3.8", "python=3.1", "python>=3.11.4", "python=3.12.1", "python<3", "python=2.7"]
)
def test_another_python_is_refused_by_line(line: str) -> None:
    """Naming what is asked for and what is there."""
    with pytest.raises(BuildError) as caught:
        translated(f"dependencies:\n- numpy\n- '{line}'\n")
    assert f"{line} (line 3): the cluster's Python is 3.11.2" in caught.value.message


def test_an_export_is_taken_by_its_versions() -> None:
    """What it names of Python's own and of libraries is left out, and both are told of."""
    found = translated(EXPORT)
    assert found.requirements == ("numpy==1.25.2", "torch==2.0.1", "typing-extensions==4.7.1")
    assert found.notes[0] == "the cluster's Python 3.11.2 is used for python=3.11.4=hab00c5b_0_cpython"
    assert found.notes[1].endswith(": 3 packages go by their versions alone")
    assert "libblas, libgcc-ng, libopenblas, openssl, python_abi, xorg-libxau, xz" in found.notes[2]


def test_a_program_in_an_export_is_named_all_the_same() -> None:
    """No wheel brings it."""
    with pytest.raises(BuildError, match=r"known: nodejs \(line 21\) "):
        translated(EXPORT.replace("  - pip:\n", "  - nodejs=18.17.1=h9f3bdda_1\n  - pip:\n"))


def test_a_library_that_a_wheel_beside_it_brings_is_left_out() -> None:
    """And only then: alone it was meant for itself."""
    assert translated("dependencies: [h5py, hdf5]\n").requirements == ("h5py",)
    with pytest.raises(BuildError, match="hdf5"):
        translated("dependencies: [numpy, hdf5]\n")


def test_each_name_of_the_table_is_one() -> None:
    """No line of it can be an option or an address for uv."""
    names = conda_names.names()
    assert len(names) > 16_000
    for conda, pypi in names.items():
        assert environment_file.package_name(conda) == conda
        found = Requirement(pypi)
        assert (found.url, str(found.specifier), found.marker) == (None, "", None)


@pytest.fixture
def script() -> dict[str, object]:
    """Return what the script that writes the table consists of."""
    return runpy.run_path(str(ROOT / "scripts/conda_names.py"))


def test_the_script_makes_a_table_of_this_form(script: dict[str, object]) -> None:
    """What newer tables know of goes before; a free name at PyPI is believed only where Debian has the distribution."""
    newer = [("pytorch", "torch"), ("python-graphviz", "graphviz"), ("dask-core", "dask"), ("seaborn-base", "seaborn")]
    older = [
        ("pytorch", "pytorch"),
        ("graphviz", "graphviz"),
        ("plotly", "Plotly"),
        ("x", "a" * 40),
        ("cf_xarray", "cf-xarray"),
    ]
    names = script["table"]([newer, older], ["SciPy", "graphviz", "brotli", "libvirt"])  # type: ignore[operator]
    text = script["text"](names, ["one", "two"])  # type: ignore[operator]
    lines = text.splitlines()
    assert lines[:2] == ["# one", "# two"]
    rows = {line.split()[0]: line.split()[-1] for line in lines[2:]}
    expected = {"pytorch": "torch", "python-graphviz": "graphviz", "dask-core": "dask", "seaborn": "seaborn"}
    expected |= {"plotly": "plotly", "scipy": "scipy", "cf_xarray": "cf-xarray", "cf-xarray": "cf-xarray"}
    assert expected.items() <= rows.items()
    assert rows.keys().isdisjoint({"graphviz", "brotli", "libvirt", "x"})


def test_the_table_is_written_by_the_script(script: dict[str, object]) -> None:
    """It has what the script adds by hand, in its order, and names its sources, whose notices come along."""
    text = (ROOT / "src/hubfleet/agent/environments/conda_names.txt").read_text()
    head = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#")]
    assert script["text"](conda_names.names(), head) == text  # type: ignore[operator]
    assert {**script["BY_HAND"], **script["CHOSEN"]}.items() <= conda_names.names().items()  # type: ignore[dict-item]
    notices = (ROOT / "THIRD-PARTY.md").read_text()
    sources = [line.partition(" (")[0] for line in head if ": " in line and "(" in line]
    assert len(sources) == 5 and all(f"| {source} |" in notices for source in sources)
