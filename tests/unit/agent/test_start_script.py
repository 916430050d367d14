"""What runs a repository's `start` around a server, by real scripts and a server that only writes down what it has."""

import os
import signal
import subprocess  # noqa: TID251 - a signal is sent while it runs
import sys
from pathlib import Path

import pytest

from hubfleet.agent.launchers import causes, start_script

SERVER = [
    sys.executable,
    "-c",
    "import os; print(os.getcwd(), os.environ.get('TIDE'))",
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "home/tides/binder").mkdir(parents=True)
    return tmp_path / "home/tides"


def started(copy: Path, text: str, *, limit_s: float = 20, server: list[str] = SERVER) -> "subprocess.Popen[str]":
    """Run a start script with a server, as inside a sandbox."""
    if text:
        (copy / "binder/start").write_text(text)
    command = [sys.executable, "-I", start_script.__file__, "binder/start", str(limit_s), *server]
    variables = {"PATH": "/usr/bin:/bin", "HUBFLEET_COPY": str(copy), "TMPDIR": str(copy.parent)}
    return subprocess.Popen(
        command, cwd=copy.parent, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(copy: Path, text: str, **more: float) -> tuple[int, str]:
    """Run it to its end and return status and output."""
    with started(copy, text, **more) as child:  # type: ignore[arg-type]
        output, _ = child.communicate(timeout=30)
    return child.returncode, output.strip()


def test_it_runs_in_the_copy_and_the_server_in_the_home_with_its_variables(copy: Path) -> None:
    """As in repo2docker it need not be marked as a program."""
    status, output = ended(copy, '#!/bin/sh\npwd\nexport TIDE=high\nexec "$@"\n')
    assert (status, output.splitlines()) == (0, [str(copy), f"{copy.parent} high"])


def test_a_copy_without_it_starts_all_the_same(copy: Path) -> None:
    """Its person may have removed it."""
    assert ended(copy, "") == (0, f"{copy.parent} None")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\nexit 3\n", "the repository's binder/start ended with status 3 before the server could start"),
        ("#!/bin/sh\nkill -9 $$\n", "the repository's binder/start ended by signal 9 before the server could start"),
        ("#!/bin/sh\nexport TIDE=high\n", 'the repository\'s binder/start ended without `exec "$@"`'),
        ('#!/bin/sh\r\nexec "$@"\r\n', "ends as lines of Windows do"),
        ("#!/no/such/shell\n", "its first line names no program of this machine"),
        ('export TIDE=high\nexec "$@"\n', "it has no first line such as #!/bin/bash"),
    ],
)
def test_what_goes_wrong_is_said_in_words_that_its_person_gets(copy: Path, text: str, said: str) -> None:
    """The agent takes the reason from the server's log."""
    status, output = ended(copy, text)
    assert status == 1
    health = causes.ended(status, output, out_of_memory=False)
    assert said in health.message
    assert "no files" in health.hint


def test_one_that_hangs_is_ended_with_what_it_started(copy: Path) -> None:
    """It has its time and no more."""
    status, output = ended(copy, "#!/bin/sh\nsleep 600 &\necho here\nwait\n", limit_s=0.3)
    assert status == 1
    assert output.splitlines() == [
        "here",
        'hubfleet: the repository\'s binder/start did not come to `exec "$@"` within 0.3 s',
    ]


def test_a_server_that_came_up_has_all_the_time_there_is_and_ends_when_it_is_told(copy: Path) -> None:
    """Through whatever the script put around it; its own status is what counts."""
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True); signal.pause()"
    text = '#!/bin/sh\n/bin/sh -c \'"$@"; exit $?\' sh "$@" &\nwait $!\n'
    with started(copy, text, limit_s=0.3, server=[sys.executable, "-c", code]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.6)
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(20) in {7, 128 + signal.SIGTERM}
