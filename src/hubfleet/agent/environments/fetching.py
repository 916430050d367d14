"""Runs inside the builder's sandbox: asks a git server for a commit and reads what an environment follows from.

A program of its own, on the standard library alone: it gets JSON on its standard input and writes JSON lines, `say` for
each step and last what it found, or what failed. For an environment it checks no tree out; for the files that a server
gets a copy of it does, without hooks and filters, and names the submodules, which the agent asks for one by one. It
runs nothing of a repository.
"""

import json
import os
import posixpath
import re
import resource
import subprocess  # noqa: TID251 - runs alone inside the sandbox, without hubfleet
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

TOKEN = Path("/run/hubfleet/token")
MAX_FILE_BYTES = 4_000_000
MAX_FILES = 50
MAX_LINKS = 5
MAX_TREE = 200_000
"""Files of a repository that a server gets a copy of."""
MAX_SUBMODULES = 100
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?size ([0-9]{1,18})\n")
"""https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""
_POINTER_MAX = 1024
_MAX_GIB = 4
HEADS = "refs/heads/"
FOLDERS = ("binder", ".binder")
PACKAGING = ("pyproject.toml", "setup.py", "setup.cfg", "requirements*.txt")
"""Files, in any folder, in which packages say what they depend on."""
_INCLUDE = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)(?:\s+|\s*=\s*|(?=[^\s-]))([^\s#]+)", re.MULTILINE)
_INCLUDE_OF_A_LIST = re.compile(
    r"(?:^\s*-\s+|[\[,]\s*)[\"']?(?:-r|-c|--requirement|--constraint)(?:\s+|\s*=\s*)([^\s#\"',\]]+)", re.MULTILINE
)
_CREDENTIAL = f"!f() {{ echo username=x-access-token; printf 'password=%s\\n' \"$(cat {TOKEN})\"; }}; f"


class Git:
    """git on one bare repository, which neither asks, nor runs hooks, nor leaves the protocols of the web."""

    def __init__(self, folder: str, address: str, pins: list[str], *, protocols: str = "http:https") -> None:
        """Name the repository.

        Args:
            folder: where it is kept.
            address: of the origin.
            pins: `HOST:PORT:ADDRESS`, so that names mean what they meant when they were checked.
            protocols: those that it may use.
        """
        settings = ["core.hooksPath=/dev/null", "credential.helper=", "http.followRedirects=false", "gc.auto=0"]
        settings += ["http.lowSpeedLimit=1000", "http.lowSpeedTime=30", "fetch.fsckObjects=true"]
        # what old repositories get wrong without harm
        settings += [f"fetch.fsck.{name}=ignore" for name in ("zeroPaddedFilemode", "missingSpaceBeforeDate")]
        # which nothing here follows; the agent looks at them, and names their line
        settings += [f"fetch.fsck.{name}=ignore" for name in ("gitmodulesUrl", "gitmodulesPath")]
        settings += [f"http.curloptResolve={pin}" for pin in pins]
        if TOKEN.exists():
            settings.append(f"credential.helper={_CREDENTIAL}")
        self._command = ["git", "-C", folder, *(part for item in settings for part in ("-c", item))]
        self._environment = _environment() | {"GIT_ALLOW_PROTOCOL": protocols}
        self.folder = folder
        self.address = address

    def run(self, *arguments: str, step: str, given: bytes = b"") -> bytes:
        """Run one command on what is given and return what it wrote; ends the program where it fails."""
        command = [*self._command, *arguments]
        done = subprocess.run(command, env=self._environment, input=given, capture_output=True, check=False)
        if done.returncode:
            fail(step, done.stderr.decode(errors="replace"))
        return done.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Run one command and say whether it did not fail."""
        done = subprocess.run([*self._command, *arguments], env=self._environment, capture_output=True, check=False)
        return done.returncode == 0

    @contextmanager
    def lines(self, *arguments: str) -> Iterator[IO[bytes]]:
        """Give the lines that one command writes, however many they are; it ends with the block."""
        command = [*self._command, *arguments]
        with subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            try:
                yield running.stdout
            finally:
                running.kill()


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_FSIZE, (told["max_bytes"], told["max_bytes"]))
    protocols = "file" if told.get("store") else "http:https"
    git = Git(told["folder"], told["repository"], told.get("pins", []), protocols=protocols)
    if told.get("whole"):
        if told.get("store"):
            measured = _copy_out(git, told["store"], told["whole"], told["max_bytes"])
        else:
            measured = _check_out(git, told["ref"], told["whole"], told["max_bytes"], told.get("max_files", MAX_TREE))
        print(json.dumps({"commit": told["whole"], **measured}))  # noqa: T201 - the answer
        return
    if not (Path(told["folder"]) / "HEAD").exists():
        git.run("init", "--quiet", "--bare", step="fetch")
        git.run("config", "remote.origin.url", git.address, step="fetch")
    commit, ref = (told["ref"], "") if told.get("stored") else _resolve(git, told["ref"])
    if commit in told["known"]:
        print(json.dumps({"commit": commit, "known": True, "ref": ref}))  # noqa: T201 - the answer
        return
    if not git.succeeds("rev-parse", "--quiet", "--verify", f"refs/commits/{commit}"):
        say(f"fetching commit {commit[:10]}")
        _fetch(git, commit, ref)
    tree = Tree(git, commit)
    folder = next((name for name in FOLDERS if tree.entry(name)[0] == "tree"), "")
    files = tree.files(folder, told["names"])
    answer = {"commit": commit, "ref": ref, "folder": folder, "files": files, **_of_a_package(git, commit)}
    print(json.dumps(answer))  # noqa: T201 - the answer


def _fetch(git: Git, commit: str, ref: str) -> None:
    """Fetch a commit with its history, without its files."""
    command = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", "origin"]
    # a server that gives what it is asked for by its hash need not list its refs once more
    if not git.succeeds(*command, f"+{commit}:refs/commits/{commit}"):
        git.run(*command, f"+{ref or commit}:refs/commits/{commit}", step="fetch")


def _of_a_package(git: Git, commit: str) -> dict[str, str]:
    """Return the newest commit of more than notebooks, and when what packages say of themselves was changed."""

    def newest(form: str, *paths: str) -> str:
        return git.run("log", "-1", f"--format={form}", commit, "--", *paths, step="read").decode().strip()

    packaged = newest("%cI", *(f":(glob)**/{name}" for name in PACKAGING))
    return {"code": newest("%H", ".", ":(exclude)*.ipynb") or commit, "packaged": packaged}


def _check_out(git: Git, ref: str, commit: str, max_bytes: int, max_files: int) -> dict[str, object]:
    """Check a commit out, with a history of just itself and its origin, so that its person can go on with git."""
    os.umask(0o022)
    branch = ref.removeprefix(HEADS) if ref.startswith(HEADS) else ""
    git.run("init", "--quiet", "--template=", f"--initial-branch={branch or 'main'}", step="fetch")
    git.run("remote", "add", "origin", git.address, step="fetch")
    wanted = ["fetch", "--quiet", "--no-tags", "--depth=1", "origin"]
    if not git.succeeds(*wanted, commit):
        # servers may refuse commits and give only what has a name
        git.run(*wanted, ref, step="fetch")
    if git.run("rev-parse", "FETCH_HEAD^{commit}", step="fetch").decode().strip() != commit:
        fail("moved", ref)
    measured = _measure(git, commit, max_bytes, max_files)
    if branch:
        git.run("update-ref", f"refs/remotes/origin/{branch}", commit, step="fetch")
        git.run("checkout", "--quiet", "-B", branch, "--track", f"origin/{branch}", step="read")
    else:
        git.run("checkout", "--quiet", "--detach", commit, step="read")
    _tell_of_pointers(git)
    return measured


def _tell_of_pointers(git: Git) -> None:
    """Name the files of Git LFS, of which the copy has pointers only.

    git-lfs is not run: it connects to whatever a stranger's `.lfsconfig` and server name, which nobody has judged.
    """
    listed = git.run("ls-files", "-z", step="read")
    asked = git.run("check-attr", "-z", "--stdin", "filter", step="read", given=listed).split(b"\0")
    found = []
    for path in [os.fsdecode(path) for path, value in zip(asked[::3], asked[2::3], strict=False) if value == b"lfs"]:
        file = Path(git.folder, path)
        if file.is_file() and not file.is_symlink() and file.stat().st_size <= _POINTER_MAX:
            size = _POINTER.match(file.read_bytes())
            found += [(path, int(size[1]))] if size else []
    if found:
        names = ", ".join("".join(c if c.isprintable() else "?" for c in path)[:100] for path, _ in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        whole = sum(size for _, size in found) / 1024**2
        say(f"{names}{more} stay pointers of Git LFS ({whole:,.1f} MiB), as builds do not fetch from LFS servers")


def _copy_out(git: Git, store: str, commit: str, max_bytes: int) -> dict[str, object]:
    """Check out what is stored here already: a data set's version, which has no git server to go on with."""
    os.umask(0o022)
    git.run("init", "--quiet", "--template=", "--initial-branch=main", step="fetch")
    git.run("fetch", "--quiet", "--no-tags", "--depth=1", f"file://{store}", f"refs/commits/{commit}", step="fetch")
    measured = _measure(git, commit, max_bytes, MAX_TREE)
    git.run("checkout", "--quiet", "-B", "main", commit, step="read")
    return measured


def _measure(git: Git, commit: str, max_bytes: int, max_files: int) -> dict[str, object]:
    """Refuse what would fill the disk, before any of it is there; else return how much it is, and its submodules."""
    size, count = 0, 0
    inner = {}
    with git.lines("-c", "core.quotePath=false", "ls-tree", "-r", "-l", commit) as lines:
        for line in lines:
            told, _, path = line.rstrip(b"\n").partition(b"\t")
            mode, _, entry, length = told.split()
            size, count = size + (int(length) if length.isdigit() else 0), count + 1
            if size > max_bytes or count > max_files:
                fail("huge", f"more than {MAX_TREE} files" if count > max_files else f"over {_MAX_GIB} GiB")
            if mode == b"160000":
                inner[path.decode(errors="replace")] = entry.decode()
                if len(inner) > MAX_SUBMODULES:
                    fail("huge", f"more than {MAX_SUBMODULES} submodules")
    return {"size": size, "count": count, "submodules": _submodules(git, commit, inner) if inner else []}


def _submodules(git: Git, commit: str, inner: dict[str, str]) -> list[dict[str, object]]:
    """Return what `.gitmodules` says of a commit's folders that are other repositories' commits."""
    blob = f"{commit}:.gitmodules"
    text, listed = "", b""
    if git.succeeds("cat-file", "-e", blob):
        if int(git.run("cat-file", "-s", blob, step="read")) > MAX_FILE_BYTES:
            fail("large", ".gitmodules")
        text = git.run("cat-file", "blob", blob, step="read").decode(errors="replace")
        listed = git.run("config", f"--blob={blob}", "-z", "--list", step="gitmodules")
    known: dict[str, dict[str, str]] = {}
    for item in listed.decode(errors="replace").split("\0"):
        name, _, value = item.partition("\n")
        key = name.rpartition(".")
        if name.startswith("submodule.") and key[2] in {"path", "url"}:
            known.setdefault(key[0], {})[key[2]] = value
    urls = {told["path"].rstrip("/"): told.get("url", "") for told in known.values() if "path" in told}
    found = []
    for path, entry in inner.items():
        url = urls.get(path, "")
        found.append({"path": path, "url": url, "commit": entry, "line": _line(text, url or path)})
    outside = [path for path in urls if path not in inner and (".." in path.split("/") or path.startswith(("/", "-")))]
    if outside:
        fail("submodule", f".gitmodules:{_line(text, outside[0])}: {outside[0][:200]}")
    return found


def _line(text: str, value: str) -> int:
    """Return the first line that names a value; 1: none does, as it is written in another way."""
    return next((n for n, line in enumerate(text.splitlines(), 1) if value and value in line), 1)


def _resolve(git: Git, ref: str) -> tuple[str, str]:
    """Return the commit that a ref names now, and the ref's whole name; that is empty for a commit."""
    say(f"asking which commit {ref} is")
    exact = re.fullmatch(r"[0-9a-f]{40}", ref) is not None
    wanted = ["HEAD"] if exact or ref == "HEAD" else [ref, f"{ref}^{{}}"]
    listed = git.run("ls-remote", "--quiet", "--symref", "--", git.address, *wanted, step="ask")
    if exact:
        return ref, ""
    lines = [line.partition("\t") for line in listed.decode(errors="replace").splitlines()]
    named = {name: what.removeprefix("ref: ") for what, _, name in lines if what.startswith("ref: ")}
    found = {name: what for what, _, name in lines if not what.startswith("ref: ")}
    for name in (ref, f"{HEADS}{ref}", f"refs/tags/{ref}", f"refs/{ref}"):
        if name in found:
            # an annotated tag is an object of its own; ^{} is the commit that it names
            return found.get(f"{name}^{{}}", found[name]), named.get(name, name)
    return fail("ref", ref)


class Tree:
    """The files of one commit."""

    def __init__(self, git: Git, commit: str) -> None:
        """Name the commit."""
        self._git = git
        self._commit = commit
        self._folders: dict[str, dict[str, tuple[str, str]]] = {}

    def files(self, folder: str, names: list[str]) -> list[dict[str, object]]:
        """Return those files of a folder that have one of these names, and what they include."""
        waiting = [posixpath.join(folder, name) for name in names]
        found: dict[str, dict[str, object]] = {}
        first = set(waiting)
        while waiting and len(found) < MAX_FILES:
            path = waiting.pop(0)
            if path in found or (path in first and self.entry(path)[0] != "blob"):
                continue
            text = self._read(path)
            changed = self._git.run("log", "-1", "--format=%cI", self._commit, "--", path, step="read").decode().strip()
            found[path] = {"path": path, "text": text, "changed": changed, "included": path not in first}
            waiting += [self._within(posixpath.dirname(path), name, path) for name in includes(path, text)]
        return list(found.values())

    def entry(self, path: str) -> tuple[str, str]:
        """Return the kind (blob, tree, or empty for none) and the object of a path; links are followed."""
        for _ in range(MAX_LINKS):
            mode, entry = self._listed(posixpath.dirname(path)).get(posixpath.basename(path), ("", ""))
            if mode != "120000":
                return {"040000": "tree", "100644": "blob", "100755": "blob"}.get(mode, ""), entry
            target = self._git.run("cat-file", "blob", entry, step="read").decode(errors="replace")
            path = self._within(posixpath.dirname(path), target, path)
        return "", ""

    def _read(self, path: str) -> str:
        kind, entry = self.entry(path)
        if kind != "blob":
            fail("missing", path)
        raw = self._git.run("cat-file", "blob", entry, step="read")
        if len(raw) > MAX_FILE_BYTES:
            fail("large", path)
        return raw.decode(errors="replace")

    def _within(self, folder: str, target: str, path: str) -> str:
        joined = posixpath.normpath(posixpath.join(folder, target))
        if target.startswith("/") or joined.startswith("../") or "://" in target:
            fail("outside", f"{path}: {target}")
        return joined

    def _listed(self, folder: str) -> dict[str, tuple[str, str]]:
        if folder not in self._folders:
            self._folders[folder] = {}
            if not folder or self.entry(folder)[0] == "tree":
                name = self.entry(folder)[1] if folder else self._commit
                raw = self._git.run("ls-tree", "-z", name, step="read").decode(errors="replace")
                lines = [line.partition("\t") for line in raw.split("\0") if line]
                self._folders[folder] = {name: (what.split()[0], what.split()[2]) for what, _, name in lines}
        return self._folders[folder]


def includes(path: str, text: str) -> list[str]:
    """Return which lists of packages a file includes, as it names them."""
    if path.endswith(".txt"):
        return _INCLUDE.findall(text)
    return _INCLUDE_OF_A_LIST.findall(text) if path.endswith((".yml", ".yaml")) else []


def say(text: str) -> None:
    """Tell of a step."""
    print(json.dumps({"say": text}), flush=True)  # noqa: T201 - read by the agent


def fail(step: str, detail: str) -> NoReturn:
    """End with what failed."""
    print(json.dumps({"failed": step, "detail": detail[-2000:]}), flush=True)  # noqa: T201 - read by the agent
    raise SystemExit(0)


def _environment() -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    if "SSL_CERT_FILE" in os.environ:
        kept["GIT_SSL_CAINFO"] = os.environ["SSL_CERT_FILE"]
    return {
        **kept,
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108 - the sandbox's own
        "LANG": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }


if __name__ == "__main__":
    main()
