"""An environment.yml without conda: what PyPI has of it, what is not needed there, and what conda channels alone have.

Wheels bring the libraries that they were compiled with, and the cluster's Python its own. So a line that names such a
library is left out where nobody can have meant it for itself: always, where it is a part of Python or chooses a
variant; beside a package whose wheels bring it; and in what `conda env export` has written, which names everything that
was installed. Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from hubfleet.agent.environments import conda_versions, environment_file
from hubfleet.agent.environments.conda_versions import MatchSpec, NoCounterpartError
from hubfleet.agent.environments.environment_file import EnvironmentFile, Line
from hubfleet.agent.environments.specification import FromPypi
from hubfleet.errors import BuildError

_OF_PYTHON = """
_libgcc_mutex _openmp_mutex bzip2 ca-certificates ld_impl_linux-64 ld_impl_linux-aarch64 libexpat libffi libgcc
libgcc-ng libgomp liblzma libmpdec libnsl libsqlite libstdcxx libstdcxx-ng libuuid libxcrypt libzlib ncurses openssl
python_abi readline sqlite tk tzdata xz zlib
"""
"""What conda's own Python consists of."""
_VARIANTS = frozenset(["blas", "cpuonly", "cudatoolkit", "mkl", "nomkl", "openblas", "pytorch-cuda", "pytorch-mutex"])
"""What says which of several builds is meant."""
_EXPORTED = frozenset(
    ["_libgcc_mutex", "ld_impl_linux-64", "ld_impl_linux-aarch64", "libcxx", "libffi", "libgcc", "libgcc-ng"]
)
"""What stands in exports only."""
_BROUGHT_BY = {
    "geos": {"shapely", "cartopy", "geopandas"},
    "hdf5": {"h5py", "netcdf4", "tables"},
    "libgdal": {"rasterio", "fiona", "pyogrio"},
    "libnetcdf": {"netcdf4"},
    "proj": {"pyproj", "cartopy", "geopandas"},
    "zeromq": {"pyzmq"},
}
"""Libraries that people name beside what needs them, and PyPI's packages whose wheels have them within."""
_LIBRARIES = """
abseil-cpp alsa-lib aom arrow-cpp atk-1.0 attr blosc boost-cpp brotli brotli-bin c-ares c-blosc2 cairo cfitsio
cyrus-sasl dav1d dbus expat fftw fontconfig freetype freexl fribidi gdk-pixbuf geos geotiff gettext gflags giflib
glib glib-tools glog gmp gnutls graphite2 grpc-cpp gst-plugins-base gstreamer harfbuzz hdf4 hdf5 icu intel-openmp
jbig jpeg json-c kealib keyutils krb5 lame lcms2 lerc llvm-openmp lz4-c metis mkl-service mkl_fft mkl_random mpc
mpfr mpg123 mysql-common mysql-libs nettle nspr nss openh264 openjpeg orc p11-kit pango pcre pcre2 pixman poppler
poppler-data proj pthread-stubs pulseaudio-client qt qt-main qt6-main re2 s2n snappy sqlite-libs suitesparse svt-av1
tbb tiledb tzcode utfcpp x264 x265 xcb-util xcb-util-image xcb-util-keysyms xcb-util-renderutil xcb-util-wm xerces-c
xkeyboard-config yaml zeromq zlib-ng zstd
"""
"""What conda has for itself and wheels bring along; left out of exports only."""
_LIBRARY = re.compile(r"lib(?!reoffice)|xorg-|aws-")
_FONTS = re.compile(r"fonts?-")
_SHOWN_MAX = 40


@dataclass
class _Found:
    requirements: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    pythons: list[str] = field(default_factory=list)
    builds: int = 0


def translated(file: EnvironmentFile, names: Mapping[str, str], channels: Iterable[str], *, python: str) -> FromPypi:
    """Return what is asked of PyPI.

    Args:
        file: the repository's.
        names: PyPI's names by conda's.
        channels: whose packages those names are of.
        python: the exact version of the Python that is there.

    Raises:
        BuildError: conda channels alone have some of it, or another Python is asked for; names all such lines.
    """
    found = _Found()
    known = {*channels, *environment_file.ANACONDA}
    beside = frozenset(environment_file.package_name(line.text) for line in file.packages)
    for line in file.packages:
        channel, _, spec = line.text.rpartition("::")
        try:
            package = conda_versions.parse(spec)
            if channel and channel.removeprefix("pkgs/") not in known:
                found.missing.append(f"{line.text} (line {line.number})")
            elif package.name == "python":
                _take_python(found, line, package, python)
            else:
                _take(found, line, package, names, beside)
        except NoCounterpartError as error:
            found.wrong.append(f"{line.text} (line {line.number}): {error}")
    _refuse(file.path, found)
    return FromPypi(tuple(found.requirements), tuple(_notes(found)))


def _take(found: _Found, line: Line, package: MatchSpec, names: Mapping[str, str], beside: frozenset[str]) -> None:
    name = names.get(package.name) or names.get(re.sub(r"[-_.]+", "-", package.name))
    if name:
        found.requirements.append(f"{name}{package.requirement}")
        found.builds += bool(package.build)
    elif _is_left_out(package.name, beside):
        found.left_out.append(package.name)
    else:
        found.missing.append(f"{package.name} (line {line.number})")


def _take_python(found: _Found, line: Line, package: MatchSpec, python: str) -> None:
    there = Version(python)
    if any(there in SpecifierSet(versions, prereleases=True) for versions in package.versions):
        return
    # all of one minor version take the same wheels
    minor = [re.fullmatch(r"==(\d+\.\d+)(?:\.\d+)+(?:\.\*)?", versions) for versions in package.versions]
    if any(exact and there in SpecifierSet(f"=={exact[1]}.*", prereleases=True) for exact in minor):
        found.pythons.append(f"the cluster's Python {python} is used for {line.text}")
    else:
        found.wrong.append(f"{line.text} (line {line.number}): the cluster's Python is {python}")


def _is_left_out(name: str, beside: frozenset[str]) -> bool:
    if name in _OF_PYTHON.split() or name in _VARIANTS or not beside.isdisjoint(_BROUGHT_BY.get(name, ())):
        return True
    return not _EXPORTED.isdisjoint(beside) and (
        name in _LIBRARIES.split() or bool(_LIBRARY.match(name) or _FONTS.match(name))
    )


def _refuse(path: str, found: _Found) -> None:
    said = []
    if found.missing:
        said.append(f"packages that come from conda channels only, as far as is known: {_listed(found.missing)}")
    if found.wrong:
        said.append(f"versions that cannot be had: {_listed(found.wrong)}")
    if said:
        raise BuildError(
            f"not all of {path} can be taken from PyPI: {'; '.join(said)}",
            hint="name below `pip:` what PyPI has after all, remove the lines that are not needed, or build it on a "
            "cluster whose conda channels can be reached",
        )


def _notes(found: _Found) -> list[str]:
    notes = list(found.pythons)
    if found.builds:
        notes.append(f"builds of conda have no counterpart at PyPI: {found.builds} packages go by their versions alone")
    if found.left_out:
        notes.append(
            "left out, since Python and wheels bring what they need of it: " + ", ".join(sorted(set(found.left_out)))
        )
    return notes


def _listed(items: Sequence[str]) -> str:
    more = f", and {len(items) - _SHOWN_MAX} more" if len(items) > _SHOWN_MAX else ""
    return ", ".join(items[:_SHOWN_MAX]) + more
