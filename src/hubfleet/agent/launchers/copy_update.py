"""Brings a copy of a repository's files up to a newer commit, in the person's sandbox, before the server starts.

It is read as text and run by the base software's Python as a process of its own, with the standard library and
nbgitpuller (https://nbgitpuller.readthedocs.io/en/latest/topic/automatic-merging.html), whose rules hold: what the
person changed stays, also where upstream changed the same lines; files that they deleted come back; a file of theirs
that upstream now has too is moved aside with the time in its name. What nbgitpuller leaves to others is done here:

- There is no network. The newer files come from the clone that the agent mounts, which has one commit and so no history
  in common with the copy. A commit with these files, whose parent is what was merged last, takes its place.
- What was begun is written down first, so that the next start puts right what a kill or a full disk left half done,
  and moves aside whatever may be the person's.
- One at a time: servers of the same person may start at once.

It gets JSON on its standard input and writes one JSON object: `result` is `done`, `older` (the commit is older than the
copy; nothing was touched) or `trouble` with a `note` for the person.
"""

import fcntl
import json
import os
import shutil
import subprocess  # noqa: TID251 - runs alone inside the sandbox, without hubfleet
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

COPY_OF = "hubfleet-copy-of"
"""In a copy's `.git`: which repository's and commit's it is."""
JOURNAL = "hubfleet-merging"
"""In a copy's `.git` while files are written, as JSON: the `target` that is merged, which `deleted` files are brought
back, and whether the merge itself (`merging`) writes."""
LOCK = "hubfleet-lock"
MERGED = "refs/hubfleet/merged"
"""What was merged last: the newer files' commit, made here."""
BRANCH = "hubfleet"
_TARGET = f"refs/remotes/origin/{BRANCH}"
_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG")
_LEFT = ("MERGE_HEAD", "MERGE_MODE", "MERGE_MSG", "AUTO_MERGE")
_LOCKED_S = 600
"""Age from which nbgitpuller takes git's own lock for one that was left behind."""
_MARGIN_BYTES = 8 << 20
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "merge.directoryRenames": "false",
    "merge.verifySignatures": "false",
    "submodule.recurse": "false",
    "user.name": "hubfleet",
    "user.email": "hubfleet@localhost",
}


class Trouble(Exception):
    """The files stay as they are, for a reason that the person reads."""


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    os.environ.update(_environment())
    copy = Path(told["copy"])
    try:
        if told["only_recover"]:
            with _alone(copy):
                recover(copy)
        result, note = "done", ""
        if not told["only_recover"]:
            result = update(copy, Path(told["from"]), told["repository"], told["commit"])
    except (Trouble, OSError, ValueError) as error:
        result, note = "trouble", str(error)
    print(json.dumps({"result": result, "note": note}))  # noqa: T201 - the answer


def update(copy: Path, source: Path, repository: str, commit: str) -> str:
    """Merge a commit's files into a copy; return `done`, or `older` where the copy has newer ones.

    Args:
        copy: of the same repository's files.
        source: a clone of just that commit.
        repository: its address.
        commit: full hash.

    Raises:
        Trouble: it cannot be done; the person's files are as they were, but where it says so.
        OSError: the same.
    """
    with _alone(copy):
        recover(copy)
        known = _copied(copy)
        if known == commit:
            return "done"
        if _time(copy, _last_merged(copy) or known) > _time(source, commit):
            return "older"
        _bring(copy, source, repository, commit, known)
        return "done"


def _bring(copy: Path, source: Path, repository: str, commit: str, known: str) -> None:
    """Merge a commit into a copy of another one, and its submodules' into theirs."""
    _require_peace(copy)
    last = _last_merged(copy) or known
    inner = _links(copy, last)
    if not _contains(copy, commit):
        target = _target(copy, source, last, commit)
        _require_room(copy, target)
        _merge(copy, target)
    _add_made(copy, source)
    for path, wanted in _links(source, commit).items():
        if (source / path / ".git").is_dir():
            _bring_inner(copy / path, source / path, wanted, inner.get(path, ""))
    _write(copy / ".git" / COPY_OF, f"{repository}\n{commit}\n")


def _bring_inner(copy: Path, source: Path, commit: str, before: str) -> None:
    """Merge a submodule's commit into its folder, or copy it where there is none."""
    if (copy / ".git").is_dir():
        recover(copy)
        known = _copied(copy) if (copy / ".git" / COPY_OF).exists() else before or _git(copy, "rev-parse", "HEAD")
        if known != commit:
            _bring(copy, source, "a submodule", commit, known)
    elif not os.path.lexists(copy) or (copy.is_dir() and not copy.is_symlink() and not list(copy.iterdir())):
        beside = copy.with_name(f".{copy.name}.hubfleet")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(source, beside, symlinks=True)
        beside.rename(copy)


def recover(copy: Path) -> None:
    """Put right what an update left that was cut off; what may be the person's is moved aside."""
    journal = copy / ".git" / JOURNAL
    try:
        begun = json.loads(journal.read_text())
        target, deleted, merging = str(begun["target"]), [str(path) for path in begun["deleted"]], begun["merging"]
    except FileNotFoundError:
        return
    except (ValueError, LookupError, TypeError):
        journal.unlink()
        return
    (copy / ".git" / "index.lock").unlink(missing_ok=True)
    if not _contains(copy, target):
        if _read(copy / ".git" / "MERGE_HEAD").strip() == target:
            for name in _LEFT:
                (copy / ".git" / name).unlink(missing_ok=True)
        _git(copy, "reset", "--quiet", "--mixed")
        _restore(copy, target, deleted, merging=merging)
    journal.unlink()


def _restore(copy: Path, target: str, deleted: list[str], *, merging: bool) -> None:
    """Give back the files that were written as they were before: deleted, or as in the person's last commit."""
    head, wanted = _blobs(copy, "HEAD"), _blobs(copy, target)
    written = {path for path in {*head, *wanted} if head.get(path) != wanted.get(path)} if merging else set()
    for path in sorted(written | {*deleted}):
        now = _blob(copy, path)
        before = "" if path in deleted else head.get(path, "")
        if now == before:
            continue
        if now and now != wanted.get(path):
            _aside(copy / path)
        elif now:
            (copy / path).unlink()
        if before:
            _git(copy, "checkout", "--quiet", "HEAD", "--", f":(literal){path}")


def _merge(copy: Path, target: str) -> None:
    _git(copy, "update-ref", _TARGET, target)
    said: list[str] = []
    try:
        for line in _steps(copy, target):
            said.append(line.strip())
    except Exception as error:
        reason = next((line for line in said if line.startswith(("CONFLICT", "error:", "fatal:"))), str(error))
        try:
            recover(copy)
        except (Trouble, OSError) as second:
            raise Trouble(f"{reason[:300]}; and some files are half changed until the next start: {second}") from error
        raise Trouble(reason[:500]) from error
    finally:
        _git(copy, "update-ref", "-d", _TARGET, check=False)
    _git(copy, "update-ref", MERGED, target)
    (copy / ".git" / JOURNAL).unlink()


def _steps(copy: Path, target: str) -> Iterator[str]:
    """Do as nbgitpuller does on what is there already, with a journal, and for names of every letter."""
    # here, as it takes part of a second
    from nbgitpuller.pull import GitPuller  # type: ignore[import-not-found]  # the base software has it

    class Puller(GitPuller):  # type: ignore[misc]
        def branch_exists(self, branch: str) -> bool:
            """Ask nobody; older versions want an answer."""
            return bool(branch)

        def update_remotes(self) -> Iterator[str]:
            yield from ()

        def find_upstream_changed(self, kind: str) -> list[str]:
            said = _git(copy, "diff", "--no-renames", "-z", "--name-only", f"--diff-filter={kind}", "HEAD", target)
            return _names(said)

        def reset_deleted_files(self) -> Iterator[str]:
            note(deleted=_names(_git(copy, "ls-files", "--deleted", "-z")))
            yield from super().reset_deleted_files()
            note()

        def commit_all(self) -> Iterator[str]:
            # which commits submodules are at is for upstream to say: their folders have histories of their own
            links = [f":(exclude,literal){path}" for path in _links(copy, "HEAD")]
            yield _git(copy, "add", "--update", "--", ".", *links)
            yield _git(copy, "commit", "--quiet", "--allow-empty", "-m", "Automatic commit by nbgitpuller")

        def merge(self) -> Iterator[str]:
            note(merging=True)
            yield from super().merge()

    def note(*, deleted: Sequence[str] = (), merging: bool = False) -> None:
        _write(copy / ".git" / JOURNAL, json.dumps({"target": target, "deleted": deleted, "merging": merging}))

    yield from Puller("here", str(copy), branch=BRANCH).pull()


def _target(copy: Path, source: Path, last: str, commit: str) -> str:
    """Take the newer files over, and return a commit of them that follows what was merged last."""
    tree = _git(source, "rev-parse", f"{commit}^{{tree}}")
    packed = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout", "-q"],
        input=f"{tree}\n".encode(),
        env={**os.environ, "GIT_DIR": str(source / ".git")},
        capture_output=True,
        check=False,
    )
    if packed.returncode:
        raise Trouble(_last(packed.stderr))
    # leaves out what is there
    taken = subprocess.run(
        ["git", "-C", str(copy), "unpack-objects", "-q"], input=packed.stdout, capture_output=True, check=False
    )
    if taken.returncode:
        raise Trouble(_last(taken.stderr))
    dated = {name: f"@{_time(source, commit)} +0000" for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")}
    message = f"The repository's files at commit {commit}"
    return _git(copy, "commit-tree", tree, "-p", last, "-m", message, more=dated)


@contextmanager
def _alone(copy: Path) -> Iterator[None]:
    with (copy / ".git" / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copied(copy: Path) -> str:
    return (copy / ".git" / COPY_OF).read_text().split("\n")[1]


def _require_peace(copy: Path) -> None:
    """Refuse to step into something that the person has begun and not ended."""
    under_way = [name for name in _UNDER_WAY if (copy / ".git" / name).exists()]
    if under_way or _git(copy, "ls-files", "--unmerged"):
        raise Trouble("a merge, rebase or the like is under way in it: end it in a terminal (`git status` says how)")
    lock = copy / ".git" / "index.lock"
    if lock.exists() and time.time() - lock.stat().st_mtime <= _LOCKED_S:
        raise Trouble("another program works in it: end it, or start again in ten minutes (`.git/index.lock` is there)")
    if not _git(copy, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False):
        raise Trouble("it is on a branch without any commit: check out one that has some")


def _add_made(copy: Path, source: Path) -> None:
    """Add what a `postBuild` made beside the commit's files, where nothing of that name is there."""
    for name in _names(_git(source, "ls-files", "--others", "-z")):
        path = copy / name
        if not os.path.lexists(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = copy / ".git" / "hubfleet-made"
            beside.unlink(missing_ok=True)
            shutil.copy2(source / name, beside, follow_symlinks=False)
            beside.rename(path)


def _require_room(copy: Path, target: str) -> None:
    """Refuse to begin what the disk cannot hold, by taking the room for a moment: whatever limits it then says no."""
    sizes = _git(copy, "ls-tree", "-r", "-l", "-z", target).split("\0")
    wanted = {line.partition("\t")[2]: line.partition("\t")[0].split() for line in sizes if line}
    head = _blobs(copy, "HEAD")
    need = sum(int(told[3]) for path, told in wanted.items() if told[3].isdigit() and head.get(path) != told[2])
    path = copy / ".git" / "hubfleet-room"
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2 * need + _MARGIN_BYTES)
    finally:
        path.unlink(missing_ok=True)


def _contains(copy: Path, commit: str) -> bool:
    done = subprocess.run(
        ["git", "-C", str(copy), "merge-base", "--is-ancestor", commit, "HEAD"], capture_output=True, check=False
    )
    return done.returncode == 0


def _time(folder: Path, commit: str) -> int:
    return int(_git(folder, "show", "-s", "--format=%ct", commit))


def _last_merged(copy: Path) -> str:
    return _git(copy, "rev-parse", "--verify", "--quiet", f"{MERGED}^{{commit}}", check=False)


def _blobs(copy: Path, commit: str) -> dict[str, str]:
    return _tree(copy, commit, "blob")


def _links(copy: Path, commit: str) -> dict[str, str]:
    """Return the submodules of a commit."""
    return _tree(copy, commit, "commit")


def _tree(copy: Path, commit: str, kind: str) -> dict[str, str]:
    lines = [line for line in _git(copy, "ls-tree", "-r", "-z", commit).split("\0") if line]
    told = [(path, what.split()) for what, _, path in (line.partition("\t") for line in lines)]
    return {path: what[2] for path, what in told if what[1] == kind}


def _blob(copy: Path, path: str) -> str:
    """Return what git would call a file's content; empty: there is no file."""
    file = copy / path
    if file.is_symlink():
        return _git(copy, "hash-object", "--stdin", given=str(file.readlink()))
    return _git(copy, "hash-object", f"--path={path}", "--", str(file)) if file.is_file() else ""


def _aside(path: Path) -> None:
    """Give a file another name, as nbgitpuller does."""
    path.rename(path.with_name(f"{path.stem}__{datetime.now():%Y%m%d%H%M%S}{path.suffix}"))  # noqa: DTZ005 - as nbgitpuller


def _git(folder: Path, *arguments: str, check: bool = True, given: str = "", more: dict[str, str] | None = None) -> str:
    # who names git's own folder is not asked whose it is
    variables = {**os.environ, "GIT_DIR": str(folder / ".git"), "GIT_WORK_TREE": str(folder), **(more or {})}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=variables,
        input=given.encode(errors="surrogateescape"),
        capture_output=True,
        check=False,
    )
    if done.returncode and check:
        raise Trouble(_last(done.stderr))
    return "" if done.returncode else done.stdout.decode(errors="surrogateescape").rstrip("\n")


def _names(said: str) -> list[str]:
    return [name for name in said.split("\0") if name]


def _last(said: bytes) -> str:
    return (said.decode(errors="replace").strip().splitlines() or ["git failed"])[-1][:500]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text)
    beside.replace(path)


def _environment() -> dict[str, str]:
    """Return variables by which git asks nobody, runs nothing of the repository, and stays off the network."""
    named: dict[str, str] = {}
    for number, (name, value) in enumerate(_SETTINGS.items()):
        named |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    fixed = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "GIT_ALLOW_PROTOCOL": "none", "GIT_MERGE_AUTOEDIT": "no"}
    return {**named, **fixed, "GIT_CONFIG_COUNT": str(len(_SETTINGS)), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


if __name__ == "__main__":
    main()
