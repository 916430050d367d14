"""Newer files of a repository in a person's copy of it: by nbgitpuller's rules, and put right whatever cuts it off."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from agents import SOFTWARE, FakeHub, agent, wait_for
from git_servers import GitServer, Repository
from hubfleet._kit import process
from hubfleet.agent.launchers import copies, copy_update
from working import at_work

pytestmark = pytest.mark.integration

FILES = {"a.txt": "one\n-\n-\ntwo\n-\n-\nthree\n", "b.txt": "one\n", "c.txt": "one\n", "z.txt": "one\n"}
PROGRAM = str(copy_update.__file__)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the base software's Python, which has nbgitpuller."""

    async def start() -> None:
        async with at_work(program, "ann"):
            pass

    with FakeHub() as ocean, agent(tmp_path_factory.mktemp("agent"), {"ocean": ocean}) as program:
        anyio.run(start)
    found = SOFTWARE.glob("environments/*/lib/*/site-packages/nbgitpuller")
    made = [path.parents[3] for path in found if (path.parent / "jupyter_resource_usage").is_dir()]
    return str(made[-1] / "bin/python")


@dataclass
class Student:
    """Somebody with a copy of a repository that goes on."""

    home: Path
    repository: Repository
    python: str

    @property
    def copy(self) -> Path:
        return self.home / "tides"

    def told(self, **more: str) -> dict[str, str]:
        """Fetch the newest commit as the agent does, and return what the start program is told."""
        commit = self.repository.git("rev-parse", "HEAD")
        mount = self.home.parent / f"mount-{commit}"
        if not mount.exists():
            self.run("clone", "--quiet", "--depth=1", f"file://{self.repository.folder}", str(mount), folder=self.home)
        known = {"from": str(mount), "folder": "tides", "repository": self.repository.url, "commit": commit}
        return {**known, "server": "s", "update": "yes", "python": self.python, **more}

    def start(self) -> Path:
        """Do what a start does, and return the folder that the person sees."""
        return copies.put(self.home, self.told())

    def upstream(self, *removed: str, **files: str) -> str:
        """Commit changes upstream."""
        for name in removed:
            (self.repository.folder / name).unlink()
        return self.repository.commit({name.replace("_", "."): text for name, text in files.items()})

    def run(self, *arguments: str, folder: Path | None = None) -> str:
        """Run git in the copy."""
        person = ("-c", "user.name=Bob", "-c", "user.email=bob@example.org", "-c", "safe.directory=*")
        return process.run(["git", *person, *arguments], cwd=folder or self.copy, env=dict(os.environ)).stdout.strip()

    def reads(self, name: str) -> str:
        return (self.copy / name).read_text()

    def note(self) -> str:
        note = self.copy / copies.NOTE
        return note.read_text() if note.exists() else ""

    def program(self, **more: str) -> process.Child:
        """Start just the program that merges."""
        asked = {**self.told(**more), "copy": str(self.copy), "only_recover": False}
        path = self.home.parent / "asked.json"
        path.write_text(json.dumps(asked))
        command = ["sh", "-c", f"exec {self.python} -I {PROGRAM} < {path}"]
        return process.spawn(command, env=dict(os.environ), cwd=self.home, output=self.home.parent / "said")


@pytest.fixture
def student(tmp_path: Path, git: GitServer, python: str) -> Student:
    """Somebody who has started once."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.hubfleet").mkdir()
    made = Student(tmp_path / "home", git.repository(tmp_path.name, FILES), python)
    made.start()
    return made


def test_changes_of_both_sides_come_together(student: Student) -> None:
    """In other lines both stay, in the same line the person's stays; and so it goes on with the next commit."""
    (student.copy / "a.txt").write_text("one\n-\n-\ntwo\n-\n-\nmine\n")
    (student.copy / "b.txt").write_text("mine\n")
    student.upstream(a_txt="ONE\n-\n-\ntwo\n-\n-\nthree\n", b_txt="theirs\n", c_txt="two\n")
    assert student.start() == student.copy
    assert [student.reads(name) for name in ("a.txt", "b.txt", "c.txt")] == [
        "ONE\n-\n-\ntwo\n-\n-\nmine\n",
        "mine\n",
        "two\n",
    ]
    student.upstream(a_txt="ONE\n-\n-\nTWO\n-\n-\nthree\n", d_txt="new\n")
    assert student.start() == student.copy
    assert [student.reads(name) for name in ("a.txt", "d.txt")] == ["ONE\n-\n-\nTWO\n-\n-\nmine\n", "new\n"]
    assert (student.note(), student.run("status", "--short")) == ("", "")


def test_files_that_one_side_deleted(student: Student) -> None:
    """What the person deleted comes back; what upstream deleted goes, unless the person has changed it."""
    (student.copy / "a.txt").unlink()
    (student.copy / "c.txt").write_text("mine\n")
    student.upstream("b.txt", "c.txt", z_txt="two\n")
    student.start()
    assert (student.reads("a.txt"), student.reads("c.txt"), student.note()) == (FILES["a.txt"], "mine\n", "")
    assert not (student.copy / "b.txt").exists()


@pytest.mark.parametrize("name", ["new.txt", "ä ö.ipynb", 'say "so"\n.txt'])
def test_a_file_that_upstream_has_now_too_is_moved_aside(student: Student, name: str) -> None:
    """With the time in its name, whatever its letters."""
    (student.copy / name).write_text("mine\n")
    student.repository.commit({name: "theirs\n"})
    student.start()
    assert (student.reads(name), student.note()) == ("theirs\n", "")
    stem, end = os.path.splitext(name)  # noqa: PTH122 - as nbgitpuller does
    (aside,) = [path for path in student.copy.iterdir() if path.name.startswith(f"{stem}__")]
    assert (aside.read_text(), aside.name.endswith(end)) == ("mine\n", True)


def test_commits_and_another_branch_of_the_person_are_kept(student: Student) -> None:
    """Their history goes on, on the branch that they are on."""
    student.run("checkout", "--quiet", "-b", "mine")
    (student.copy / "b.txt").write_text("mine\n")
    student.run("commit", "--quiet", "-am", "my work")
    student.upstream(c_txt="two\n")
    student.start()
    assert (student.reads("b.txt"), student.reads("c.txt"), student.note()) == ("mine\n", "two\n", "")
    assert student.run("branch", "--show-current") == "mine"
    assert "my work" in student.run("log", "--format=%s")


def test_what_the_person_has_begun_is_not_disturbed(student: Student) -> None:
    """A rebase or merge of theirs goes before; the note says so, and goes when it is over."""
    (student.copy / ".git/MERGE_HEAD").write_text(student.run("rev-parse", "HEAD") + "\n")
    student.upstream(c_txt="two\n")
    assert student.start() == student.copy
    assert (student.reads("c.txt"), "under way" in student.note()) == ("one\n", True)
    (student.copy / ".git/MERGE_HEAD").unlink()
    student.start()
    assert (student.reads("c.txt"), student.note()) == ("two\n", "")


def test_a_lock_of_gits_is_waited_out(student: Student) -> None:
    """A fresh one may be somebody's at work; an old one was left behind."""
    lock = student.copy / ".git/index.lock"
    lock.touch()
    student.upstream(c_txt="two\n")
    student.start()
    assert (student.reads("c.txt"), "another program" in student.note(), lock.exists()) == ("one\n", True, True)
    os.utime(lock, (time.time() - 700, time.time() - 700))
    student.start()
    assert (student.reads("c.txt"), student.note(), lock.exists()) == ("two\n", "", False)


def test_a_folder_that_is_no_copy_and_an_older_commit_get_a_folder_beside(student: Student) -> None:
    """Nothing is merged into what is not known, and nothing goes back in time."""
    first = student.told()
    student.repository.commit({"c.txt": "two\n"}, at="2025-01-01T00:00:00Z")
    student.start()
    beside = copies.put(student.home, first)
    assert (beside.name, student.reads("c.txt")) == (f"tides-{first['commit'][:7]}", "two\n")
    (student.copy / ".git").rename(student.home / "elsewhere")
    (beside / ".git").rename(student.home / "elsewhere-2")
    commit = student.upstream(c_txt="three\n")
    assert student.start().name == f"tides-{commit[:7]}"
    assert student.reads("c.txt") == "two\n"


def test_a_merge_that_is_killed_is_put_right_by_the_next(student: Student) -> None:
    """Half of the files were written; nothing of the person's is lost, nor what they did meanwhile."""
    (student.copy / "a.txt").write_text("one\n-\n-\ntwo\n-\n-\nmine\n")
    began = student.home / "began"
    (student.copy / ".git/info").mkdir(exist_ok=True)
    (student.copy / ".git/info/attributes").write_text("z.txt filter=slow\n")
    student.run("config", "filter.slow.smudge", f"touch {began}; sleep 600; cat")
    student.upstream(a_txt="ONE\n-\n-\ntwo\n-\n-\nthree\n", b_txt="theirs\n", z_txt="two\n")
    running = student.program()
    wait_for(began.exists, 30, lambda: student.reads("a.txt"))
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert student.reads("b.txt") == "theirs\n"
    assert (student.copy / ".git/index.lock").exists()
    student.run("config", "--unset", "filter.slow.smudge")
    (student.copy / "b.txt").write_text("written meanwhile\n")
    assert student.start() == student.copy
    names = ("a.txt", "b.txt", "z.txt")
    assert [student.reads(name) for name in names] == ["ONE\n-\n-\ntwo\n-\n-\nmine\n", "theirs\n", "two\n"]
    (aside,) = student.copy.glob("b__*.txt")
    assert (aside.read_text(), student.note()) == ("written meanwhile\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a small disk")
def test_a_full_disk_leaves_the_files_as_they_are(student: Student, tmp_path: Path) -> None:
    """Said before anything is touched; with room again, the next start has the newer files."""
    small = tmp_path / "small"
    small.mkdir()
    process.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(small)], env=dict(os.environ))
    try:
        mine = Student(small, student.repository, student.python)
        (small / ".hubfleet").mkdir()
        mine.start()
        (mine.copy / "a.txt").write_text("mine\n")
        student.upstream(a_txt="theirs\n", big_txt=os.urandom(4 << 20).hex()[: 4 << 20])
        filler = small / "filler"
        filler.write_bytes(bytes(14 << 20))
        mine.start()
        assert ("No space left" in mine.note(), mine.reads("a.txt")) == (True, "mine\n")
        assert not (mine.copy / "big.txt").exists()
        filler.unlink()
        mine.start()
        assert (mine.note(), mine.reads("a.txt"), (mine.copy / "big.txt").exists()) == ("", "mine\n", True)
    finally:
        process.run(["umount", str(small)], env=dict(os.environ))


def test_two_servers_at_once_merge_once(student: Student) -> None:
    """The second waits, and finds nothing to do."""
    (student.copy / "a.txt").write_text("mine\n")
    student.upstream(c_txt="two\n")
    both = [student.program() for _ in range(2)]
    assert [child.wait(60) for child in both] == [0, 0]
    assert (student.reads("c.txt"), student.run("status", "--short")) == ("two\n", "")
    assert student.run("rev-list", "--count", "--merges", "HEAD") == "1"


def test_software_without_nbgitpuller_starts_with_the_old_files(student: Student) -> None:
    """An operator's own list of base software may not have it."""
    student.upstream(c_txt="two\n")
    plain = Student(student.home, student.repository, sys.executable)
    assert plain.start() == student.copy
    assert (student.reads("c.txt"), "nbgitpuller" in student.note()) == ("one\n", True)
