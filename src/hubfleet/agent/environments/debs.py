"""Runs inside the builder's sandbox: asks apt which Debian packages are needed and where they are, and fetches them.

A program of its own, on the standard library alone: it gets JSON on its standard input and writes one line of JSON. It
installs nothing and runs nothing of a package. apt has a state and a cache of its own here, and the machine's own list
of what is installed to read; it verifies what archives sign, as everywhere.
"""

import hashlib
import json
import os
import re
import subprocess  # noqa: TID251 - runs alone inside the sandbox
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_STEP_S = 300
_INSTALLED = re.compile(r"^Inst (?P<name>\S+) (?:\[[^\]]*\] )?\((?P<version>\S+) .*\[(?P<architecture>[a-z0-9-]+)\]\)")
_CONFIGURATION = """\
Dir::Etc::main "/dev/null"; Dir::Etc::parts "/dev/null"; {lists}
Dir::State "{state}"; Dir::State::status "/var/lib/dpkg/status"; Dir::Cache "{cache}";
APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User ""; APT::Install-Recommends "false"; APT::Install-Suggests "false";
Acquire::Languages "none"; Acquire::Retries "2"; Acquire::http::Timeout "30"; Acquire::https::Timeout "30";
Acquire::AllowInsecureRepositories "false"; Acquire::AllowDowngradeToInsecureRepositories "false";
{proxies}
"""
_GIVEN = (
    'Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "{folder}"; Dir::Etc::preferences "/dev/null"; '
    'Dir::Etc::preferencesparts "/dev/null";'
)


class RefusedError(Exception):
    """Why there is no answer: a message, and a hint."""


class Apt:
    """apt, set up so that it touches nothing of the machine's."""

    def __init__(self, told: dict[str, Any]) -> None:
        """Write its configuration."""
        folder = Path(told["folder"])
        for name in ("state/lists/partial", "cache/archives/partial", "sources"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        given = folder / "sources" / "given.sources"
        given.unlink(missing_ok=True)
        lists = ""
        if told["sources"]:
            given.write_text(told["sources"])
            lists = _GIVEN.format(folder=given.parent)
        self._file = folder / "apt.conf"
        places = {"state": folder / "state", "cache": folder / "cache", "architecture": told["architecture"]}
        self._file.write_text(_CONFIGURATION.format(lists=lists, proxies=_proxies(), **places))
        self.away = ""

    def run(self, *command: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of apt's programs, whatever its status."""
        variables = {**os.environ, "APT_CONFIG": str(self._file), "LC_ALL": "C.UTF-8"}
        try:
            return subprocess.run(
                command, env=variables, cwd=directory, capture_output=True, text=True, check=False, timeout=_STEP_S
            )
        except subprocess.TimeoutExpired as error:
            raise RefusedError("Debian's archive takes too long to answer", "try again later") from error

    def update(self) -> None:
        """Learn what archives have; what cannot be reached is remembered as what it was before."""
        done = self.run("apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any")
        self.away = _errors(done.stderr) if done.returncode else ""

    def chosen(self, arguments: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return version and architecture of what would be installed, by name.

        Raises:
            RefusedError: apt cannot, with its own explanation.
        """
        done = self.run("apt-get", "install", "--simulate", "-q", "--no-remove", "--", *arguments)
        if done.returncode:
            raise RefusedError("apt cannot install these packages together", _explained(done.stdout, done.stderr))
        found = [match for line in done.stdout.splitlines() if (match := _INSTALLED.match(line))]
        return {match["name"].partition(":")[0]: (match["version"], match["architecture"]) for match in found}

    def record(self, name: str, version: str) -> dict[str, str]:
        """Return what an archive says of one version of a package."""
        for stanza in self.run("apt-cache", "show", f"{name}={version}").stdout.split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.MULTILINE))
            if fields.get("Package") == name and fields.get("Version") == version and fields.get("SHA256"):
                return fields
        raise RefusedError(f"no archive has {name} {version} with a hash", "ask whoever runs the cluster's mirror")


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    try:
        answer = {"choose": choose, "fetch": fetch}[told["do"]](told)
    except RefusedError as error:
        answer = {"refused": dict(zip(("message", "hint"), map(str, error.args), strict=True))}
    print(json.dumps(answer))  # noqa: T201 - read by the agent


def choose(told: dict[str, Any]) -> dict[str, object]:
    """Return the packages that are needed and not there, and those that were asked for and are."""
    apt = Apt(told)
    apt.update()
    known = set(apt.run("apt-cache", "pkgnames", "--all-names").stdout.split())
    for item in told["wanted"]:
        if item["name"] not in known:
            hint = f"the archives did not answer: {apt.away}" if apt.away else "see packages.debian.org for its name"
            raise RefusedError(f"{item['where']}: there is no Debian package {item['name']!r} for this cluster", hint)
    try:
        found = apt.chosen([f"{item['name']}={item['version']}".rstrip("=") for item in told["wanted"]])
    except RefusedError as error:
        hint = str(error.args[1])
        # what cannot be installed comes first, then what it conflicts with
        first = min(told["wanted"], key=lambda item: _position(item["name"], hint))
        named = _position(first["name"], hint) < len(hint)
        where = first["where"] if named else first["where"].rpartition(" of ")[2]
        raise RefusedError(f"{where}: {error.args[0]}", hint) from error
    packages, fetched, held = [], 0, 0
    for name, (version, _) in found.items():
        record = apt.record(name, version)
        fetched, held = fetched + int(record["Size"]), held + int(record.get("Installed-Size", 0)) * 1024
        packages.append({"name": name, "version": version, "of": record["Architecture"], "sha256": record["SHA256"]})
    if max(fetched, held) > told["max_bytes"]:
        raise RefusedError(
            f"apt.txt asks for {max(fetched, held) / 2**30:.1f} GiB of Debian packages",
            f"a repository may have {told['max_bytes'] / 2**30:.3g} GiB; name smaller ones",
        )
    return {"packages": packages, "system": [item["name"] for item in told["wanted"] if item["name"] not in found]}


def fetch(told: dict[str, Any]) -> dict[str, object]:
    """Fetch packages into a cache, each under its hash, and see that nothing else is needed to install them."""
    apt, cache = Apt(told), Path(told["cache"])
    # beside them, since files do not move from one mount to another
    fetched = cache / ".fetched"
    fetched.mkdir(exist_ok=True)
    missing = [item for item in told["packages"] if not (cache / f"{item['sha256']}.deb").is_file()]
    if missing:
        names = [f"{item['name']}={item['version']}" for item in missing]
        done = apt.run("apt-get", "download", "-q", "--", *names, directory=fetched)
        if done.returncode:
            apt.update()
            done = apt.run("apt-get", "download", "-q", "--", *names, directory=fetched)
        if done.returncode:
            raise RefusedError(
                "Debian packages of the lock cannot be fetched",
                f"{apt.away or _errors(done.stderr)}; archives drop old versions: build the repository again",
            )
        keep(fetched, cache, {item["sha256"] for item in missing})
    files = {item["name"]: cache / f"{item['sha256']}.deb" for item in told["packages"]}
    for name, path in files.items():
        if not path.is_file() or _sha256(path) != path.stem:
            path.unlink(missing_ok=True)
            raise RefusedError(f"the Debian package {name} is not what the lock says", "build the repository again")
    try:
        needed = apt.chosen(list(map(str, files.values()))) if files else {}
    except RefusedError as error:
        raise RefusedError("the lock's Debian packages do not fit this cluster's system", str(error.args[1])) from error
    if not set(files).issuperset(needed):
        more = ", ".join(sorted(set(needed) - set(files))[:5])
        raise RefusedError(
            f"the lock's Debian packages need {more}, which this cluster's system lacks",
            "build the repository on this cluster",
        )
    return {"fetched": len(missing)}


def keep(folder: Path, cache: Path, wanted: set[str]) -> None:
    """Put what was fetched into the cache, if it is what is wanted."""
    for path in folder.iterdir():
        digest = _sha256(path)
        if digest in wanted:
            path.replace(cache / f"{digest}.deb")
        else:
            path.unlink()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _position(name: str, text: str) -> int:
    found = re.search(rf"(?<![\w.+-]){re.escape(name)}(?![\w+-])", text)
    return found.start() if found else len(text)


def _proxies() -> str:
    """Return by which proxies the machine's own apt goes."""
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if re.match(r"Acquire::https?::(.*::)?Proxy ", line, re.IGNORECASE))


def _errors(said: str) -> str:
    found = [line[2:].strip() for line in said.splitlines() if line.startswith(("E:", "W:"))]
    return " ".join(dict.fromkeys(found))[:1000]


def _explained(said: str, errors: str) -> str:
    """Return apt's explanation, without what it says each time."""
    _, _, unmet = said.partition("The following packages have unmet dependencies:")
    return " ".join(f"{unmet} {_errors(errors)}".split())[:1500]


if __name__ == "__main__":
    main()
