"""Killing each program in turn while servers run and start: nobody notices, nothing is doubled, nothing is left."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import pytest

from hubfleet.agent.launchers import labels
from hubfleet.agent.parts import label
from hubfleet.model.settings.agent import AgentSettings
from machines import Machine, machine, up
from programs import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("machine")]

CHECK = "/users/hubfleet-check"
HOST = "hubfleet-check.ocean.localhost"
HUB = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    """One hub, up."""
    with machine({"hubs/ocean.yaml": HUB}) as made, up(made):
        yield made


@pytest.fixture
def server(fleet: Machine) -> Iterator[str]:
    """A server that runs; the path at which it answers."""
    assert fleet.call("ocean", "POST", f"{CHECK}/server", {}).status in {201, 202}
    wait_for("the server", lambda: _server(fleet).get("ready"), timeout_s=90, every_s=0.1)
    assert len(servers(fleet)) == 1
    yield "/user/hubfleet-check/api"
    wait_for("the server's end", lambda: _stopped(fleet), timeout_s=60, every_s=0.2)


def _server(fleet: Machine) -> dict[str, object]:
    answer = fleet.call("ocean", "GET", CHECK)
    assert answer.status == 200, answer.text
    found = json.loads(answer.text)["servers"].get("")
    return found or {}


def _stopped(fleet: Machine) -> bool:
    if not _server(fleet):
        return True
    fleet.call("ocean", "DELETE", f"{CHECK}/server")
    return False


def servers(fleet: Machine) -> list[int]:
    """Return the processes that hold this fleet's servers on this machine, the first inside each sandbox."""
    settings = AgentSettings.model_validate_json((fleet.data / "programs/agent-here/settings.json").read_text())
    found = labels.scan(label(settings)).values()
    return sorted(item.init.pid for item in found if item.init)


@dataclass
class Asked:
    """What somebody saw who asked a server again and again."""

    answers: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def asking(fleet: Machine, path: str) -> Iterator[Asked]:
    """Ask a server again and again through the front door while a block runs."""
    asked, over = Asked(), threading.Event()

    def ask_on() -> None:
        while not over.wait(0.02):
            try:
                status = fleet.get(HOST, path).status
            except OSError as error:
                asked.failures.append(repr(error))
                continue
            asked.answers += 1
            if status != 200:
                asked.failures.append(str(status))

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("program", ["hub-ocean", "agent-here", "routes", "culler-ocean"])
def test_killing_a_program_fails_no_request_to_a_server(fleet: Machine, server: str, program: str) -> None:
    """Kill -9 of hub, agent, routes and culler: the server answers each request meanwhile and is the same after."""
    before = servers(fleet)
    with asking(fleet, server) as asked:
        fleet.kill(program)
        wait_for("requests meanwhile", lambda: asked.answers > 20)
    assert not asked.failures
    assert servers(fleet) == before
    assert _server(fleet).get("ready")


def test_killing_the_proxy_costs_only_its_restart(fleet: Machine, server: str) -> None:
    """After kill -9 of the proxy the same server answers again at the same address."""
    before = servers(fleet)
    fleet.kill("proxy")
    wait_for("the server again", lambda: fleet.get(HOST, server).status == 200, timeout_s=10)
    assert servers(fleet) == before


def test_killing_the_supervisor_ends_nothing(fleet: Machine, server: str) -> None:
    """A supervisor killed with -9 leaves all programs running; the next one takes them over."""
    before, hub = servers(fleet), fleet.pid("hub-ocean")
    with asking(fleet, server) as asked:
        os.kill(int((fleet.data / "supervisor.lock").read_text()), signal.SIGKILL)
        fleet.run("apply", "--yes")
        wait_for("a healthy hub", lambda: fleet.status()["hub-ocean"]["state"] == "healthy", every_s=0.2)
    assert not asked.failures
    assert (servers(fleet), fleet.pid("hub-ocean")) == (before, hub)


STARTING = ["hub-ocean", "agent-here", "routes", "proxy", "culler-ocean", "supervisor"]


@pytest.mark.parametrize("program", STARTING)
def test_killing_a_program_while_a_server_starts_gives_one_server(fleet: Machine, program: str) -> None:
    """Kill -9 in the middle of a start: the server is there afterwards, once, and can be stopped."""
    before = set(servers(fleet))
    assert fleet.call("ocean", "POST", f"{CHECK}/server", {}).status in {201, 202}
    wait_for("a server's process", lambda: set(servers(fleet)) - before, every_s=0.01)
    if program == "supervisor":
        os.kill(int((fleet.data / "supervisor.lock").read_text()), signal.SIGKILL)
        fleet.run("apply", "--yes")
    else:
        fleet.kill(program)
    wait_for("the server", lambda: _server(fleet).get("ready"), timeout_s=120, every_s=0.2)
    wait_for("its answer", lambda: fleet.get(HOST, "/user/hubfleet-check/api").status == 200, timeout_s=30)
    assert len(set(servers(fleet)) - before) == 1
    wait_for("the server's end", lambda: _stopped(fleet), timeout_s=60, every_s=0.2)
    wait_for("no process of it", lambda: set(servers(fleet)) == before)


@contextmanager
def frozen_agent(fleet: Machine) -> Iterator[None]:
    """Let the agent answer nobody, as behind a broken line."""
    pid = fleet.pid("agent-here")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def agent_with_a_damaged_store(fleet: Machine) -> Iterator[None]:
    """Let the agent find garbage in the place of its records when it starts again; put them back afterwards."""
    data = fleet.data / "agents" / "here"
    aside = data / "aside"
    aside.mkdir()
    os.kill(fleet.pid("agent-here"), signal.SIGKILL)
    for path in data.glob("agent.sqlite*"):
        path.rename(aside / path.name)
    (data / "agent.sqlite").write_bytes(os.urandom(8192))
    try:
        log = fleet.data / "logs" / "agent-here.log"
        wait_for("the agent's refusal", lambda: "is damaged" in log.read_text())
        yield
    finally:
        for path in [*data.glob("agent.sqlite*")]:
            path.unlink()
        for path in [*aside.iterdir()]:
            path.rename(data / path.name)
        aside.rmdir()


@pytest.mark.parametrize("away", [frozen_agent, agent_with_a_damaged_store])
def test_a_hub_that_starts_while_its_agent_is_away_stops_nothing(
    fleet: Machine, server: str, away: Callable[[Machine], AbstractContextManager[None]]
) -> None:
    """The server answers all the time; once the agent is back the hub has the same server, and no second one."""
    before = servers(fleet)
    with asking(fleet, server) as asked:
        with away(fleet):
            hub = fleet.pid("hub-ocean")
            os.kill(hub, signal.SIGKILL)
            wait_for("another hub", lambda: fleet.pid("hub-ocean") != hub)
            wait_for("its page", lambda: fleet.get("ocean.localhost", "/hub/login").status == 200, timeout_s=60)
        wait_for("the server in the hub", lambda: _server(fleet).get("ready"), timeout_s=90, every_s=0.2)
    assert not asked.failures
    assert asked.answers > 20
    assert servers(fleet) == before
