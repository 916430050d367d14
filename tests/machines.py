"""A fleet on this machine, brought up by the command line as a person would, for tests of the whole."""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fleets
from agents import SOFTWARE
from hubfleet._kit import process
from hubfleet._kit.process import Finished
from programs import Answer, Running, ask, free_port, started, wait_for

ROOT = Path(__file__).parent.parent
CLUSTER = "here"


@dataclass
class Machine:
    """One fleet with a data folder of its own."""

    name: str
    folder: Path
    data: Path
    port: int
    running: Running | None = None
    passwords: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, check: bool = True, timeout_s: float = 240) -> Finished:
        """Run a command of hubfleet on this fleet."""
        command = [sys.executable, "-m", "hubfleet.cli", *arguments, "--fleet", str(self.folder)]
        if arguments[0] not in {"check", "explain", "open"}:
            command += ["--data", str(self.data)]
        done = process.run(command, env=environment(), check=False, timeout_s=timeout_s)
        assert not check or done.status == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the fleet."""
        for name, text in files.items():
            (self.folder / name).write_text(text)

    def status(self) -> dict[str, dict[str, object]]:
        """Return what runs, by program."""
        rows = json.loads(self.run("status", "--json").stdout)["programs"]
        return {row["name"]: row for row in rows}

    def pid(self, program: str) -> int:
        """Return a program's process id, from what the supervisor wrote down."""
        return int(json.loads((self.data / "programs" / program / "process.json").read_text())["pid"])

    def secret(self, hub: str, name: str) -> str:
        """Return a secret of a hub."""
        return (self.data / "secrets" / hub / name).read_text().strip()

    def get(self, host: str, path: str, *, token: str = "", timeout_s: float = 30) -> Answer:
        """GET a path of the front door."""
        headers = {"Authorization": f"token {token}"} if token else {}
        return ask(self.port, path, host=f"{host}:{self.port}", headers=headers, timeout_s=timeout_s)

    def call(self, hub: str, method: str, path: str, body: object = None) -> Answer:
        """Call a hub's REST API as the service that proves it, which reaches its own user only."""
        headers = {"Authorization": f"token {self.secret(hub, 'check-token')}", "Content-Type": "application/json"}
        raw = json.dumps(body) if body is not None else None
        return ask(
            self.port, f"/hub/api{path}", host=f"{hub}.localhost:{self.port}", method=method, headers=headers, body=raw
        )

    def kill(self, program: str) -> None:
        """Kill a program with -9 and wait until the supervisor has another one that works."""
        before = self.pid(program)
        os.kill(before, signal.SIGKILL)
        wait_for(f"another {program}", lambda: self.pid(program) != before)
        wait_for(f"a healthy {program}", lambda: self.status()[program]["state"] == "healthy", every_s=0.2)


def environment() -> dict[str, str]:
    """Return the environment for commands."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}


@contextmanager
def machine(files: Mapping[str, str]) -> Iterator[Machine]:
    """Give a fleet of one cluster and these hubs; not yet up, and wholly gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="hf-", dir="/tmp"))  # short, since unix sockets lie below it
    data.chmod(0o711)
    folder, state = data / "fleet", data / "data"
    port = free_port()
    SOFTWARE.mkdir(parents=True, exist_ok=True)
    software = state / "agents" / CLUSTER / "software"
    software.parent.mkdir(parents=True)
    software.symlink_to(SOFTWARE)
    name = f"t{port}"  # other tests' fleets run on this machine too
    own = {"fleet.yaml": f"name: {name}\n", f"clusters/{CLUSTER}.yaml": f"kind: machine\nlisten: 127.0.0.1:{port}\n"}
    fleets.write(folder, {**own, **files})
    made = Machine(name, folder, state, port)
    try:
        yield made
    finally:
        made.run("down", check=False)
        shutil.rmtree(data)


@contextmanager
def up(made: Machine, *, timeout_s: float = 300) -> Iterator[Machine]:
    """Bring a fleet up by `hubfleet up`, and end it by Ctrl-C."""
    with started(made.data.parent) as programs:
        command = [sys.executable, "-m", "hubfleet.cli", "up", "--fleet", str(made.folder), "--data", str(made.data)]
        made.running = programs.start("up", command, env=environment())
        try:
            wait_for("the fleet", lambda: _welcomed(made.running), timeout_s=timeout_s, every_s=0.1)
            yield made
        finally:
            made.running.signal(signal.SIGINT)
            made.running.child.wait(120)


def _welcomed(running: Running | None) -> bool:
    assert running is not None
    assert running.child.poll() is None, f"up ended: {running.log()}"
    return "From another computer" in running.log()
