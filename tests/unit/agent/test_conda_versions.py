"""Conda's match specifications in PEP 440's words; what fits which is asked of rattler and of packaging."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from rattler import MatchSpec, Version, VersionSpec

from hubfleet.agent.environments import conda_versions
from hubfleet.agent.environments.conda_versions import NoCounterpartError


@pytest.mark.parametrize(
    ("spec", "name", "versions", "build"),
    [
        ("numpy", "numpy", ("",), ""),
        ("numpy=1.26", "numpy", ("==1.26.*",), ""),
        ("numpy =1.26", "numpy", ("==1.26.*",), ""),
        ("numpy = 1.26", "numpy", ("==1.26.*",), ""),
        ("numpy=1.26.*", "numpy", ("==1.26.*",), ""),
        ("numpy 1.26*", "numpy", ("==1.26.*",), ""),
        ("numpy==1.26.*", "numpy", ("==1.26.*",), ""),
        ("numpy 1.26", "numpy", ("==1.26",), ""),
        ("numpy==1.26.4", "numpy", ("==1.26.4",), ""),
        ("numpy>=1.2,<2", "numpy", (">=1.2,<2",), ""),
        ("numpy >= 1.2, < 2", "numpy", (">=1.2,<2",), ""),
        ("numpy>=1.2.*", "numpy", (">=1.2",), ""),
        ("numpy!=1.2.*", "numpy", ("!=1.2.*",), ""),
        ("numpy~=1.2", "numpy", ("~=1.2",), ""),
        ("numpy=1.2=py39_0", "numpy", ("==1.2",), "py39_0"),
        ("numpy==1.2=py39_0", "numpy", ("==1.2",), "py39_0"),
        ("numpy 1.2 py39_0", "numpy", ("==1.2",), "py39_0"),
        ("numpy=1.2.*=py_0", "numpy", ("==1.2.*",), "py_0"),
        ("blas=*=*openblas*", "blas", ("",), "*openblas*"),
        ("blas=*=*", "blas", ("",), ""),
        ("Python 3.9|3.10.*", "python", ("==3.9", "==3.10.*"), ""),
        ("python=3.9|*", "python", ("",), ""),
        ("ruamel.yaml=0.18", "ruamel.yaml", ("==0.18.*",), ""),
        ("_openmp_mutex=4.5=2_gnu", "_openmp_mutex", ("==4.5",), "2_gnu"),
    ],
)
def test_each_form_is_read(spec: str, name: str, versions: tuple[str, ...], build: str) -> None:
    """`=` means all that begin so, but for exact versions with a build after them."""
    found = conda_versions.parse(spec)
    assert (found.name, found.versions, found.build) == (name, versions, build)


@pytest.mark.parametrize("spec", ["openssl=1.1.1w", "jpeg==9e", "x~=1", "x>=1 <2", "x=", "x=1.*.2", "x[y=1]", ""])
def test_what_has_no_counterpart_is_refused(spec: str) -> None:
    """Rather than to be read as something near it."""
    with pytest.raises(NoCounterpartError):
        conda_versions.parse(spec)


def test_pypi_knows_no_or() -> None:
    """Only who chooses among few, as of Pythons, can try each."""
    with pytest.raises(NoCounterpartError, match=r"\|"):
        _ = conda_versions.parse("numpy=1.2|1.4").requirement


VERSION = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
CLAUSE = st.one_of(
    st.builds(str.__add__, st.sampled_from(["=", "==", "!=", ">=", "<=", ">", "<"]), VERSION),
    # rattler reads ==1.* among other clauses as ==1
    st.builds("{}{}.*".format, st.sampled_from(["=", "!=", ">=", "<=", ">", "<"]), VERSION),
)


@given(st.lists(CLAUSE, min_size=1, max_size=3).map(",".join), VERSION)
@example("=1.2", "1.20")
@example("=1.2", "1.2.3")
@example("==1.2", "1.2.0")
@example("<=1.2", "1.2.1")
def test_the_same_versions_fit(clauses: str, version: str) -> None:
    """As rattler sees it, and conda."""
    spec = conda_versions.parse(f"x{clauses}")
    asked = MatchSpec(f"x{clauses}").version
    assert (version in SpecifierSet(spec.requirement)) == _fits(version, asked)


def _fits(version: str, asked: str | None) -> bool:
    return VersionSpec(asked or "*").matches(Version(version))
