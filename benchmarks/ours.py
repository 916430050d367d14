"""hubfleet's side: a fleet of one hub that is up, with people who may be added by REST."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hubs import SCOPES, TOKEN, Hub
from benchmarks.processes import below
from hubfleet._kit.process import ProcessId
from hubfleet.agent.launchers import labels
from hubfleet.agent.parts import label
from hubfleet.config.load import load
from hubfleet.model.cluster import Ceilings
from hubfleet.model.settings.agent import AgentSettings
from hubfleet.plan.actions import Action
from hubfleet.platforms.machine.platform import MachinePlatform
from machines import CLUSTER, Machine, machine, up
from programs import wait_for

NAME = "bench"
_HUB = """\
sign_in: {with: shared-password}
allow: {everyone: true}
user_subdomains: false
python_file: admin.py
"""
_ADMIN = f"""\
c.JupyterHub.services = [*c.JupyterHub.services, {{"name": "bench", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [*c.JupyterHub.load_roles, {{"name": "bench", "services": ["bench"], "scopes": {SCOPES}}}]
"""
FILES = {f"hubs/{NAME}.yaml": _HUB, "admin.py": _ADMIN}


@dataclass(frozen=True)
class Ours:
    """The fleet, and its hub."""

    fleet: Machine
    hub: Hub
    platform: MachinePlatform

    def pid(self, program: str) -> int:
        """Return the process of a program."""
        status = self.platform.control.status()[program]
        assert status.pid is not None
        return status.pid

    def servers(self) -> list[int]:
        """Return all processes of all servers, bubblewrap's own included."""
        settings = (self.fleet.data / f"programs/agent-{CLUSTER}/settings.json").read_text()
        found = labels.scan(label(AgentSettings.model_validate_json(settings))).values()
        tops: list[ProcessId] = [top for item in found if (top := item.monitor or item.init)]
        return [pid for top in tops for pid in (top.pid, *below(top.pid))]

    def programs(self) -> list[int]:
        """Return the processes of all that a start needs beside the server."""
        tops = [self.pid(name) for name in (f"agent-{CLUSTER}", "routes", "proxy", f"hub-{NAME}")]
        return [*tops, *below(tops[2])]

    def home(self, person: str) -> Path:
        """Return where a person's home is, after its first start."""
        (home,) = (self.fleet.data / "agents" / CLUSTER / "homes" / NAME).glob(f"{person}-*")
        return home


@contextmanager
def real(*, builds: bool = False) -> Iterator[Ours]:
    """Give a fleet as `hubfleet up` starts it, with servers in bubblewrap; proven, so its software is warm.

    Args:
        builds: whether repositories become environments, those of this machine's own git servers too.
    """
    with machine(FILES) as made:
        if builds:
            _add(made.folder / "hubs" / f"{NAME}.yaml", "features: {builds: true}\n")
            _add(made.folder / "clusters" / f"{CLUSTER}.yaml", "git_hosts: [127.0.0.1]\n")
        with up(made):
            if os.geteuid() == 0:
                # the proof's server was the first of its software, and began what the next ones are forked of
                wait_for("warm starts", lambda: "start warm" in _log(made), timeout_s=60, every_s=0.2)
            yield _of(made, _platform(made))


def _log(made: Machine) -> str:
    return made.run("logs", f"agent-{CLUSTER}").stdout


def _add(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@contextmanager
def pretended() -> Iterator[Ours]:
    """Give a fleet whose servers are the agent's in-process launcher's; no file can ask for that, only Python can."""
    with machine(FILES) as made:
        platform = _platform(made, launcher="in-process", network="shared", ceilings=Ceilings(servers=1000))
        platform.places.prepare()
        for resource in platform.desired():
            platform.carry_out(Action(do="create", resource=resource))
        yield _of(made, platform)


def _platform(made: Machine, **cluster: object) -> MachinePlatform:
    fleet = load(made.folder).fleet
    clusters = {name: item.model_copy(update=cluster) for name, item in fleet.clusters.items()}
    return MachinePlatform(fleet.model_copy(update={"clusters": clusters}), made.folder, made.data)


def _of(made: Machine, platform: MachinePlatform) -> Ours:
    assert os.environ.get("PYTHONPATH", "") == "", "another PYTHONPATH would count for one of the two only"
    return Ours(made, Hub("hubfleet", made.port, f"{NAME}.localhost:{made.port}"), platform)
