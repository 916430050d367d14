"""What of a repository's Python files is understood: projects, their locks, Pipfiles and runtime.txt."""

import json
from datetime import UTC, datetime

import pytest

from hubfleet.agent.environments import detect, merging, python_locks, python_version
from hubfleet.agent.environments.conda import CHANNELS
from hubfleet.agent.environments.specification import Fetched, Locked, Own, SourceFile, Specification
from hubfleet.errors import BuildError

JUNE = datetime(2024, 6, 1, tzinfo=UTC)
HERE = detect.Here("3.11.2", CHANNELS)
ONE, TWO = "1" * 64, "2" * 64
PROJECT = """\
[build-system]
requires = ["hatchling"]
[project]
name = "waves"
requires-python = ">=3.9"
dependencies = ["numpy>=1.20", "tomli; python_version < '3.11'"]
[project.optional-dependencies]
plots = ["matplotlib"]
[dependency-groups]
dev = ["pytest"]
"""
PYLOCK = f"""\
lock-version = "1.0"
created-by = "test"
[[packages]]
name = "six"
version = "1.15.0"
sdist = {{name = "six-1.15.0.tar.gz", url = "https://x.example/six-1.15.0.tar.gz", hashes = {{sha256 = "{TWO}"}}}}
wheels = [
  {{name = "six-1.15.0-py3-none-any.whl", url = "https://x.example/six-1.15.0-py3-none-any.whl", hashes = {{sha256 = "{ONE}"}}}},
]
[[packages]]
name = "colorama"
version = "0.4"
marker = "sys_platform == 'win32'"
wheels = [
  {{name = "colorama-0.4-py3-none-any.whl", url = "https://x.example/colorama-0.4-py3-none-any.whl", hashes = {{sha256 = "{ONE}"}}}},
]
"""  # noqa: E501
POETRY = """\
[tool.poetry.dependencies]
python = "^3.10"
requests = {version = "^2.31", extras = ["socks"]}
tomli = {version = "^2", python = "<3.11"}
cowsay = {version = "*", optional = true}
[tool.poetry.group.dev.dependencies]
iniconfig = "*"
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
mistune = "*"
"""
GROUPS = {"iniconfig": ["dev"], "mistune": ["docs"]}
MARKERS = {"tomli": "python_version < '3.11'", "cowsay": "extra == 'say'"}
NEEDS = {
    "requests": 'idna = ">=2.5,<4"\nPySocks = {version = ">=1.5", optional = true, markers = "extra == \\"socks\\""}\n'
    'chardet = {version = "*", optional = true}\n'
}
EXTRAS = {"requests": 'socks = ["PySocks (>=1.5,!=1.5.7)"]\nold = ["chardet (>=3)"]\n'}


def poetry_lock(version: str, source: str = "") -> str:
    """Write a lock as Poetry does: 2.1 with groups and markers, 2.0 without, 1.1 with all hashes at the end."""
    text, files = "", {}
    names = ["requests", "idna", "pysocks", "chardet", "tomli", "cowsay", "iniconfig", "mistune"]
    for name in names:
        files[name] = f'[{{file = "{name}-1.0-py3-none-any.whl", hash = "sha256:{ONE}"}}]'
        text += f'[[package]]\nname = "{name}"\nversion = "1.0"\npython-versions = ">=3.8"\n'
        if version == "2.1":
            text += f"groups = {json.dumps(GROUPS.get(name, ['main']))}\n"
            marker = MARKERS.get(name, "extra == 'never'" if name == "chardet" else "")
            text += f"markers = {json.dumps(marker)}\n" if marker else ""
        text += f"files = {files[name]}\n" if version != "1.1" else ""
        text += f"[package.dependencies]\n{NEEDS[name]}" if name in NEEDS else ""
        text += f"[package.extras]\n{EXTRAS[name]}" if name in EXTRAS else ""
        text += f"[package.source]\n{source}" if source and name == "idna" else ""
    text += f'[metadata]\nlock-version = "{version}"\npython-versions = "^3.10"\n'
    return text + ("[metadata.files]\n" + "".join(f"{name} = {files[name]}\n" for name in names)) * (version == "1.1")


def pipfile_lock(**entries: object) -> str:
    return json.dumps({"_meta": {"requires": {"python_version": "3.11"}}, "default": entries, "develop": {}})


def exported(lock: str, _project: str) -> str:
    assert lock == "the lock"
    return PYLOCK


def read(files: dict[str, str], folder: str = "") -> Specification:
    prefix = f"{folder}/" if folder else ""
    found = [SourceFile(prefix + name, text, JUNE) for name, text in files.items()]
    return detect.specification(Fetched("c" * 40, folder, found), HERE, exported)


def test_a_project_asks_for_what_it_depends_on() -> None:
    """Neither extras nor groups, as `pip install .`, and it is installed itself."""
    found = read({"pyproject.toml": PROJECT})
    assert found.requirements == ("numpy>=1.20", 'tomli; python_version < "3.11"')
    assert (found.paths, found.locked) == (["pyproject.toml"], ())
    assert found.own == (Own("", where="pyproject.toml"),)


def test_a_project_beside_a_list_of_packages_counts_too() -> None:
    """repo2docker installs both, but not what has no build system, nor where the list is in binder/."""
    both = {"requirements.txt": "six\n", "pyproject.toml": PROJECT}
    assert read(both).paths == ["requirements.txt", "pyproject.toml"]
    assert read(both).requirements[0] == "numpy>=1.20"
    assert read(both, "binder").paths == ["binder/requirements.txt"]
    unbuilt = PROJECT.partition("[project]\n")[2]
    assert read({"requirements.txt": "six\n", "pyproject.toml": f"[project]\n{unbuilt}"}).requirements == ()


def test_what_a_projects_code_alone_knows_is_left_to_its_build() -> None:
    """Beside a list of packages or alone, by a pyproject.toml of any kind or a setup.py."""
    dynamic = PROJECT.replace('dependencies = ["numpy', "dynamic = ['dependencies']\nx = [\"numpy")
    found = read({"requirements.txt": "six\n", "pyproject.toml": dynamic})
    assert (found.paths, found.requirements) == (["requirements.txt", "pyproject.toml"], ())
    for files in (
        {"setup.py": "x"},
        {"pyproject.toml": "[build-system]\nrequires = []\n"},
        {"pyproject.toml": dynamic},
    ):
        assert [own.folder for own in read(files).own] == [""]
    poetry = read({"pyproject.toml": f"[build-system]\nrequires = ['poetry-core']\n{POETRY}"})
    assert poetry.own == (Own("", where="pyproject.toml"),)


def test_beside_a_lock_the_project_is_installed_where_its_tool_does() -> None:
    """Uv does, unless it is told that it is no package; a pylock.toml says all that is installed."""
    files = {"pyproject.toml": PROJECT, "uv.lock": "the lock"}
    assert len(read(files).own) == 1
    assert read({**files, "pyproject.toml": f"{PROJECT}[tool.uv]\npackage = false\n"}).own == ()
    found = read({"pyproject.toml": PROJECT, "pylock.toml": PYLOCK})
    assert "is not installed itself" in found.notes[0]
    assert found.own == ()


def test_settings_of_tools_ask_for_nothing() -> None:
    """A pyproject.toml for a formatter is no project."""
    assert read({"pyproject.toml": "[tool.ruff]\nline-length = 120\n"}).paths == []


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        ({"environment.yml": "dependencies: [x]\n", "Pipfile": "", "runtime.txt": "r-4.1"}, ["environment.yml"]),
        ({"Pipfile.lock": pipfile_lock(), "Pipfile": "no", "requirements.txt": "-e ."}, ["Pipfile.lock"]),
        ({"Pipfile": "[packages]\nsix = '*'\n", "requirements.txt": "-e ."}, ["Pipfile"]),
        ({"requirements.txt": "six", "uv.lock": "the lock"}, ["requirements.txt"]),
        ({"pyproject.toml": PROJECT, "uv.lock": "the lock", "setup.py": ""}, ["uv.lock", "pyproject.toml"]),
        ({"pyproject.toml": PROJECT, "setup.py": "x"}, ["pyproject.toml", "setup.py"]),
        ({"pylock.toml": PYLOCK}, ["pylock.toml"]),
        ({"requirements.txt": "six", "runtime.txt": "python-3.11"}, ["requirements.txt", "runtime.txt"]),
    ],
)
def test_the_order_is_repo2dockers(files: dict[str, str], paths: list[str]) -> None:
    """Of several files the first counts; those after it are not even read."""
    assert read(files).paths == paths


@pytest.mark.parametrize("files", [{"pylock.toml": PYLOCK}, {"pyproject.toml": PROJECT, "uv.lock": "the lock"}])
def test_a_lock_says_exactly_what_is_installed(files: dict[str, str]) -> None:
    """Versions and the hashes of wheels; what is for another platform is left out."""
    assert read(files).locked == (Locked("six", "1.15.0", (ONE,)),)
    assert read(files).requirements == ()


@pytest.mark.parametrize(("python", "count"), [("3.11.2", 1), ("3.9.1", 2)])
def test_markers_and_wheels_are_those_of_the_clusters_python(python: str, count: int) -> None:
    """Not of the one that reads the lock."""
    text = PYLOCK.replace("sys_platform == 'win32'", "python_version < '3.10'").replace("0.4-py3", "0.4-cp39")
    assert len(python_locks.parse(text, "pylock.toml", python)) == count


@pytest.mark.parametrize("version", ["2.1", "2.0", "1.1"])
def test_a_poetry_lock_of_any_age_means_the_same(version: str) -> None:
    """Main and the groups that are not optional, with the extras that are asked for, for this Python."""
    found = read({"pyproject.toml": POETRY, "poetry.lock": poetry_lock(version)})
    assert sorted(item.name for item in found.locked) == ["idna", "iniconfig", "pysocks", "requests"]
    assert {item.hashes for item in found.locked} == {(ONE,)}


def test_a_pipfile_lock_has_packages_and_development_packages() -> None:
    """As `pipenv install --dev`; markers count, and a package's own section comes first."""
    entry = {"hashes": [f"sha256:{ONE}"], "version": "==1.15.0"}
    lock = json.loads(pipfile_lock(Six=entry, win={**entry, "markers": "sys_platform == 'win32'"}))
    lock["develop"] = {"six": {**entry, "version": "==1.0"}, "x": entry}
    found = read({"Pipfile.lock": json.dumps(lock)}).locked
    assert [(item.name, item.version) for item in found] == [("six", "1.15.0"), ("x", "1.15.0")]


def test_a_pipfile_without_a_lock_is_a_list() -> None:
    """Versions, extras and markers as PyPI's tools write them."""
    text = "[packages]\nsix = '==1.15.0'\nrequests = {version = '>=2', extras = ['socks']}\n"
    text += "[dev-packages]\nwin = {version = '*', sys_platform = \"== 'win32'\"}\n"
    assert read({"Pipfile": text}).requirements == (
        "six==1.15.0",
        "requests[socks]>=2",
        'win; sys_platform == "win32"',
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pyproject.toml": "[project\n"}, "line 1 of pyproject.toml: this is no TOML"),
        ({"pyproject.toml": "project = 1\n"}, "`project` is no table"),
        ({"pyproject.toml": "[project]\ndependencies = 'x'\n"}, "`project.dependencies` is no list"),
        ({"pyproject.toml": "[project]\ndependencies = ['a b']\n"}, "'a b' in `dependencies` is no requirement"),
        ({"pyproject.toml": "[project]\ndependencies = ['a @ git+https://x']\n"}, "comes from an address"),
        (
            {"pyproject.toml": "[project]\nrequires-python = '>=3.12'\n"},
            "asks for Python >=3.12, and this cluster's is 3.11.2",
        ),
        ({"pyproject.toml": "[project]\nrequires-python = 'x'\n"}, "no versions of Python"),
        (
            {"pyproject.toml": "[project]\ndynamic = ['dependencies']\n"},
            "what pyproject.toml depends on is known to its own code",
        ),
        ({"pyproject.toml": "[project]\ndynamic = ['dependencies']\n"}, "is known to its own code only"),
        ({"pyproject.toml": POETRY}, "Poetry's own form"),
        (
            {"pyproject.toml": "[project]\ndependencies = ['a']\n[tool.uv.sources]\nA = {git = 'https://x'}\n"},
            "'A' comes from elsewhere",
        ),
        ({"uv.lock": "the lock"}, "there is no pyproject.toml beside uv.lock"),
        ({"pylock.toml": PYLOCK.replace("1.0", "9.0", 1)}, "pylock.toml cannot be installed here"),
        ({"pylock.toml": PYLOCK.replace("py3-none-any", "cp27-cp27m-win32")}, "'six' has no wheel for this cluster"),
        (
            {"pylock.toml": 'lock-version="1.0"\ncreated-by="x"\npackages=[{name="a", directory={path="."}}]\n'},
            "'a' comes from the repository itself",
        ),
        (
            {
                "pylock.toml": 'lock-version="1.0"\ncreated-by="x"\n[[packages]]\nname="a"\n[packages.vcs]\n'
                f'type="git"\nurl="https://x"\ncommit-id="{"a" * 40}"\n'
            },
            "'a' comes from git",
        ),
        ({"pyproject.toml": POETRY, "poetry.lock": poetry_lock("2.1", 'type = "git"\n')}, "'idna' comes from git"),
        ({"pyproject.toml": POETRY, "poetry.lock": poetry_lock("2.0", 'type = "url"\n')}, "'idna' comes from url"),
        (
            {"pyproject.toml": POETRY, "poetry.lock": poetry_lock("2.1").replace("^3.10", "^3.12")},
            "this cluster's is 3.11.2",
        ),
        (
            {"pyproject.toml": POETRY, "poetry.lock": poetry_lock("2.1").replace("idna-1.0-py3", "idna-1.0-cp27")},
            "'idna' has no wheel",
        ),
        ({"Pipfile.lock": "{"}, "line 1 of Pipfile.lock: this is no JSON"),
        ({"Pipfile.lock": pipfile_lock(x={"git": "https://x", "ref": "y"})}, "'x' comes from git"),
        ({"Pipfile.lock": pipfile_lock(x={"version": "*"})}, "'x' has no exact version with a hash"),
        ({"Pipfile.lock": pipfile_lock().replace("3.11", "3.8")}, "python_version in Pipfile.lock asks for Python 3.8"),
        ({"Pipfile": "[packages]\nx = {path = '.', editable = true}\n"}, "'x' comes from path"),
        ({"runtime.txt": "python-3.12"}, "line 1 of runtime.txt asks for Python 3.12, and this cluster's is 3.11.2"),
        ({"runtime.txt": "r-4.1-2023-01-01"}, "'r-4.1-2023-01-01' cannot be had"),
        ({"runtime.txt": "python"}, "names no version"),
        ({"runtime.txt": "python-3.11-2024-02-31"}, "2024-02-31 is no day"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(files: dict[str, str], said: str) -> None:
    """File, and line or entry."""
    with pytest.raises(BuildError) as caught:
        read(files)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("python-3.11", ""),
        ("python-3\n", ""),
        ("python-3.11-2024-05-01\n", "2024-05-01"),
        ("python-2024-05-01", "2024-05-01"),
    ],
)
def test_runtime_txt_says_a_day(text: str, day: str) -> None:
    """Up to which packages count."""
    assert read({"requirements.txt": "six\n", "runtime.txt": text}).until == day


@pytest.mark.parametrize(
    ("version", "constraint", "fits"),
    [
        ("3.11.2", "^3.10", True),
        ("4.0", "^3.10", False),
        ("0.2.5", "^0.2.3", True),
        ("0.3.0", "^0.2.3", False),
        ("0.0.4", "^0.0.3", False),
        ("1.2.9", "~1.2.3", True),
        ("1.3.0", "~1.2", False),
        ("1.9", "~1", True),
        ("1.5", ">=1,<2 || 3.*", True),
        ("3.7", ">=1,<2 || 3.*", True),
        ("2.5", ">=1,<2 || 3.*", False),
        ("2.5", ">=1 <2", False),
        ("1.0", "1.0", True),
        ("1.0", "nonsense", False),
    ],
)
def test_constraints_of_poetry(version: str, constraint: str, fits: bool) -> None:
    """As its documentation has them."""
    assert python_version.satisfies(version, constraint) is fits


def test_a_lock_gets_a_kernel_and_stays_as_it_is() -> None:
    """Its own hashes count, and what is there already is not added again."""
    locked = (Locked("six", "1.15.0", (ONE,)),)
    of_index = f"six==1.15.0 \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO}\n"
    of_kernel = f"ipykernel==7.0 \\\n    --hash=sha256:{TWO}\n{of_index}"
    found = merging.merged(locked, "uv.lock", of_index, of_kernel)
    assert found == f"six==1.15.0 --hash=sha256:{ONE}\nipykernel==7.0 \\\n    --hash=sha256:{TWO}\n"


def test_another_file_of_the_same_version_is_refused() -> None:
    """What the index has must be what the lock says."""
    with pytest.raises(BuildError, match=r"uv\.lock: the files of six 1\.15\.0 are not those of the package index"):
        merging.merged((Locked("six", "1.15.0", (ONE,)),), "uv.lock", f"six==1.15.0 \\\n    --hash=sha256:{TWO}\n", "")
