"""Apply on one machine: secrets, ports and folders first, then programs through the supervisor."""

import os
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

from hubfleet import __version__
from hubfleet.config import secrets as fleet_secrets
from hubfleet.errors import PlatformError
from hubfleet.model.fleet import Fleet
from hubfleet.model.hub import Hub
from hubfleet.model.settings.hub import HubProgram
from hubfleet.plan import programs, proof, sign_in_proof
from hubfleet.plan.actions import Action, Applied, Observed, Resource
from hubfleet.plan.machine import Machine, fleet_paths
from hubfleet.plan.platform import Platform, Revision
from hubfleet.platforms.machine import networks, ports, secrets
from hubfleet.platforms.machine.agents import Agents
from hubfleet.platforms.machine.certificates import Certificates
from hubfleet.platforms.machine.choice import upkeep_of
from hubfleet.platforms.machine.places import Places
from hubfleet.platforms.machine.revisions import Revisions
from hubfleet.protocol.front_door import FrontDoor

SOFTWARE_S = 900.0
"""How long the base software may take to be made: some 300 MB from a package index."""
LOOK_S = 0.2
STOP_S = 60.0


class MachinePlatform(Platform):
    """One machine with its data folder."""

    def __init__(
        self,
        fleet: Fleet,
        folder: Path,
        data: Path,
        *,
        identity: Path | None = None,
        lasting: bool = False,
        tell: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Make the platform; nothing is touched yet.

        Args:
            fleet: what shall be.
            folder: the fleet's own files, where secrets are.
            data: the machine's data folder.
            identity: the file with the age key that opens the fleet's secrets.
            lasting: whether programs that nothing keeps up yet shall outlast a reboot, where systemd runs.
            tell: called with what is going on while something takes its time.
        """
        self.places = Places(data)
        self.control = upkeep_of(self.places, fleet.name, lasting=lasting)
        self.agents = Agents(self.places)
        self.certificates = Certificates(fleet, folder, self.places)
        self._fleet = fleet
        self._folder = folder
        self._identity = identity
        self.tell = tell
        self._revisions = Revisions(self.places.revisions)

    def desired(self) -> Sequence[Resource]:
        """Return all that shall be on this machine."""
        return tuple(self.certificates.with_given(self._with_given(resource)) for resource in self._all())

    def observe(self) -> Observed:
        """Return what was applied last, and whether its programs answer."""
        status = self.control.status()
        applied = {}
        for revision in self._revisions.newest():
            resource = revision.resource
            ill = [name for program in resource.programs if (name := program.name) not in status]
            ill += [name for name, row in status.items() if row.state == "waiting" and _has(resource, name)]
            detail = f"{', '.join(ill)} does not run" if ill else ""
            if self.certificates.missing(resource):
                detail = "the copy for the proxy is gone"
            if not ill and resource.kind == "hub" and not revision.proven:
                detail = "its last proof failed" if revision.proven is False else "it was never proven"
            applied[resource.id] = Applied(
                resource=resource, revision=revision.number, healthy=not detail, detail=detail
            )
        return Observed(applied=applied)

    def carry_out(self, action: Action) -> bool:
        """Create, change, repair or delete one resource."""
        self.places.prepare()
        if action.do == "delete":
            self._delete(action.resource)
            return False
        ports.keep(self.places.data / "ports.json", self._ports())
        networks.keep(self.places.data / "network", self._network())
        self._make_secrets(action.resource)
        self.certificates.put(action.resource)
        before = self.control.processes(action.resource.programs)
        self._start(action.resource)
        if action.do != "repair":
            self._revisions.add(action.resource)
            return True
        ran_on = None not in before and before == self.control.processes(action.resource.programs)
        return not (ran_on and self._revisions.of(action.resource.id)[0].proven)

    def prove(self, hub: Resource) -> None:
        """Run a notebook on a real server of a hub, through the front door."""
        token = secrets.read(self.places, f"{hub.name}/check-token")
        host = str(hub.values["host"])
        again = partial(self.control.restart, "certificates")
        self.certificates.await_had(host, again=again, tell=self.tell)
        front = FrontDoor(url=str(hub.values["address"]), host=host, dial=self.front_address())
        program = HubProgram.model_validate_json(hub.programs[0].files[0].content)
        proof.prove(front, sign_in_proof.proof(program), token, tell=self.tell)

    def revisions(self, resource: str) -> Sequence[Revision]:
        """Return what was applied for a resource, newest first."""
        return self._revisions.of(resource)

    def mark(self, resource: str, *, proven: bool) -> None:
        """Note whether the newest revision's proof held."""
        self._revisions.mark(resource, proven=proven)

    def restore(self, revision: Revision) -> None:
        """Bring a resource back to an earlier revision."""
        self._start(revision.resource)
        self._revisions.add(revision.resource, proven=revision.proven)

    def _start(self, resource: Resource) -> None:
        """Start what does not run, restart what changed, leave alone what runs as it should."""
        self.control.ensure()
        if resource.kind == "proxy" and self.control.processes(resource.programs)[0] is None:
            self._check_front_door()
        for program in resource.programs:
            self.control.put(program)
        for program in resource.programs:
            self.control.wait_healthy(program.name)
        if resource.kind == "agent":
            self.agents.await_software(resource.name, self.tell)

    def _check_front_door(self) -> None:
        cluster = next(iter(self._fleet.clusters.values()))
        if not ports.free(cluster.address, cluster.port):
            raise PlatformError(
                f"another program listens on {cluster.listen} already",
                hint=f"end it (`ss -ltnp` shows it), or change `listen` in clusters/{cluster.name}.yaml",
            )

    def _delete(self, resource: Resource) -> None:
        if resource.kind == "hub":
            for cluster in self._fleet.clusters:
                self.agents.stop_servers(cluster, resource.name)
        for program in reversed(resource.programs):
            self.control.remove(program.name)
        self._revisions.forget(resource.id)

    def _make_secrets(self, resource: Resource) -> None:
        secrets.make_fingerprint_key(self.places)
        for name in {*resource.secrets, *(name for other in self._all() for name in other.secrets)}:
            secrets.make(self.places, name)
        for name, reference in resource.given.items():
            secrets.put(self.places, name, fleet_secrets.read(reference, self._folder, identity=self._identity))

    def _all(self) -> tuple[Resource, ...]:
        return programs.resources(self._fleet, self._machine())

    def _with_given(self, resource: Resource) -> Resource:
        """Add what tells whether the fleet's own secrets have changed, without telling them."""
        prints = {
            f"secret {name.partition('/')[2]} ({reference})": secrets.fingerprint(
                self.places, fleet_secrets.read(reference, self._folder, identity=self._identity)
            )
            for name, reference in resource.given.items()
        }
        return resource.model_copy(update={"values": {**resource.values, **prints}}) if prints else resource

    def front_door(self, hub: Hub) -> FrontDoor:
        """Return how this machine's own programs reach a hub as its people do."""
        return FrontDoor(url=hub.url, host=hub.host, dial=self.front_address())

    def operator_token(self, hub: Hub) -> str:
        """Return the token by which the command line asks a hub's portal.

        Raises:
            SecretError: the hub was not applied with a portal, or by somebody else.
        """
        return secrets.read(self.places, f"{hub.name}/operator-token")

    def front_address(self) -> tuple[str, int]:
        """Return where this machine's own programs reach the front door, whatever DNS says of its names."""
        cluster = next(iter(self._fleet.clusters.values()))
        address = cluster.address
        if address in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
            address = "127.0.0.1" if address == "0.0.0.0" else "::1"  # noqa: S104
        return address, cluster.port

    def _machine(self) -> Machine:
        return Machine(
            data=str(self.places.data),
            root=os.geteuid() == 0,
            networks=networks.possible(),
            network=self._network(),
            python=sys.executable,
            version=__version__,
            ports=self._ports(),
            fleet_files=self._fleet_files(),
        )

    def _fleet_files(self) -> dict[str, str]:
        found = {}
        for path in {path for hub in self._fleet.hubs.values() for path in fleet_paths(hub)}:
            try:
                found[path] = b64encode((self._folder / path).read_bytes()).decode()
            except OSError as error:
                raise PlatformError(f"cannot read {str(self._folder / path)!r}: {error.strerror}") from error
        return found

    def _network(self) -> IPv4Network:
        return networks.network(self.places.data / "network", start=str(self.places.data))

    def _ports(self) -> dict[str, int]:
        names = programs.port_names(self._fleet)
        return ports.ports(self.places.data / "ports.json", names, start=str(self.places.data))

    def start_again(self) -> None:
        """Start what ran before, where nothing runs; a supervisor that runs is left as it is."""
        self.control.ensure()

    def await_healthy(self, resources: Sequence[str]) -> None:
        """Wait until the programs of these resources answer.

        Raises:
            PlatformError: one does not.
        """
        for revision in self._revisions.newest():
            if revision.resource.id in resources:
                for program in revision.resource.programs:
                    self.tell(f"{program.name} starts")
                    self.control.wait_healthy(program.name)

    def end(self) -> None:
        """End all programs and the supervisor."""
        self.control.end()

    def how_to_sign_in(self, hub: Hub) -> Sequence[str]:
        """Return for a person at the terminal how to sign in, generated passwords included."""
        if hub.sign_in.kind not in programs.MADE_FOR:
            return (f"sign in with {hub.sign_in.kind}",)
        lines = ["sign up, and let an admin approve you"] if hub.sign_in.kind == "native" else []
        given = programs.given_secrets(hub)
        if hub.sign_in.kind == "shared-password" and "shared-password" not in given:
            everybody = "any name" if hub.allow.everyone else "your name"
            lines.append(f"sign in with {everybody} and the password {self._shown(hub, 'shared-password')}")
        if hub.admins and "admin-password" not in given:
            lines.append(f"as admin ({', '.join(hub.admins)}): {self._shown(hub, 'admin-password')}")
        return lines

    def _shown(self, hub: Hub, name: str) -> str:
        return secrets.read(self.places, f"{hub.name}/{name}")


def _has(resource: Resource, program: str) -> bool:
    return any(item.name == program for item in resource.programs)
