"""Servers as processes of this machine, each in a sandbox made by bubblewrap.

A start goes: control groups, sandbox (held), network, instructions. Whatever a crash leaves half-made is found by its
label, which processes, control groups and network interfaces carry, and a half-made sandbox ends by itself.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from hubfleet._kit import process
from hubfleet._kit.process import ProcessId, boot_id
from hubfleet.agent.launchers import bubblewrap, causes, inside, labels, logfile, namespaces, sandbox
from hubfleet.agent.launchers.base import HasCapacity, Health, Launcher, LauncherState, LaunchRequest
from hubfleet.agent.launchers.groups import GIB, Groups, Limits
from hubfleet.agent.launchers.networks import Network
from hubfleet.agent.launchers.sandbox import START_PROGRAM, Sandbox
from hubfleet.agent.launchers.warm import HOLDER, WarmParents
from hubfleet.errors import LaunchError, TemporaryLaunchError
from hubfleet.protocol.messages import Ability, Capacity, StopReason

_NOBODY = 65534


@dataclass(frozen=True)
class ProcessOptions:
    """What the process launcher must know of its agent."""

    label: str
    """Marks what the agent makes; different for each agent of a machine."""
    folder: Path
    """For servers' logs and status files; the agent's alone."""
    python_prefix: Path
    """Where the Python of the environments is installed, as in `sys.base_prefix`."""
    processes: int = 512
    """Processes and threads per server."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for all servers, such as where certificates and proxies are."""


class ProcessLauncher(Launcher, HasCapacity):
    """Starts servers as sandboxed processes on the agent's own machine."""

    name = "process"

    def __init__(self, options: ProcessOptions, *, network: Network, cgroups: Groups) -> None:
        """Make it; nothing is done yet.

        Args:
            options: what it must know.
            network: how servers are connected.
            cgroups: how servers are limited.
        """
        self._options = options
        self._network = network
        self._cgroups = cgroups
        self._as_root = os.geteuid() == 0
        self._children: dict[str, process.Child] = {}
        self._planned: dict[str, Mapping[str, str]] = {}
        self._warm = WarmParents(options.folder / "warm", options.python_prefix)

    async def start(self, request: LaunchRequest) -> AsyncIterator[LauncherState]:
        """Start a server: limits, sandbox, network, instructions."""
        server = request.server
        await asyncio.to_thread(inside.require_kernel, request)
        folder = self._folder(server)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        hub = urlsplit(request.hub_url)
        planned = self._network.plan(server, (hub.hostname or "", hub.port or 80), list(self._planned.values()))
        self._planned[server] = planned
        facts = {"boot": boot_id(), "server": server, **planned}
        yield LauncherState(server, "reserving a place", 5, facts)
        await asyncio.to_thread(self._limit, request)
        yield LauncherState(server, "setting limits", 10, facts)
        # a script of a repository has to become the server by itself, and what is imported is the plain system's
        warm = self._warm.ready(request.prefix) and not (request.start_script or request.layer)
        held = await self._hold(request, warm=warm)
        try:
            facts = {**facts, **_name("monitor", held.monitor), **_name("init", held.init)}
            yield LauncherState(server, "making the sandbox", 30, facts)
            await self._network.attach(facts, held.init)
            url = self._network.url(facts)
            yield LauncherState(server, "connecting the network", 50, facts, url)
            await self._go(request, held, inside.instructions(request, facts, self._setting()), warm=warm)
            yield LauncherState(server, "starting the server", 60, facts, url)
        finally:
            held.let_go()

    async def check(self, states: Sequence[LauncherState]) -> Mapping[str, Health]:
        """Look for each server's first process."""
        return await asyncio.to_thread(lambda: {state.server: self._health(state) for state in states})

    async def stop(self, state: LauncherState, *, grace_s: float = 10.0) -> None:
        """Ask the server to end, then end its sandbox and remove network and control groups."""
        server = state.server
        found = await asyncio.to_thread(labels.scan, self._options.label)
        ours = found.get(server, labels.Labelled())
        init = ours.init or _process(state.facts, "init")
        await asyncio.to_thread(self._end, init, ours.monitor or _process(state.facts, "monitor"), grace_s)
        child = self._children.get(server)
        if child is not None:
            if child.poll() is None:
                raise TemporaryLaunchError("the server's sandbox does not end")
            self._children.pop(server, None)
        if not await asyncio.to_thread(self._cgroups.remove, server):
            raise TemporaryLaunchError("some processes of the server do not end")
        await self._network.detach({**state.facts, "server": server})
        self._planned.pop(server, None)

    async def adopt(self) -> Sequence[LauncherState]:
        """Find processes, control groups and interfaces with our label."""
        found = await asyncio.to_thread(labels.scan, self._options.label)
        interfaces = await self._network.found()
        groups = await asyncio.to_thread(self._cgroups.servers)
        result = []
        for server in sorted({*found, *interfaces, *groups}):
            entry = found.get(server, labels.Labelled())
            facts = {"boot": boot_id(), "server": server, **interfaces.get(server, {})}
            facts |= _name("monitor", entry.monitor) | _name("init", entry.init)
            result.append(LauncherState(server, "found", 0, facts))
        return result

    async def logs(self, state: LauncherState, *, lines: int = 200) -> str:
        """Return the end of the server's log file."""
        return await asyncio.to_thread(logfile.tail, self._folder(state.server) / "log", lines)

    async def forget(self, server: str) -> None:
        """Remove the server's log and status file."""
        await asyncio.to_thread(logfile.remove, self._folder(server))

    async def abilities(self) -> Sequence[Ability]:
        """Say what this machine allows, after trying it."""
        await self._network.prepare()
        await self._try_sandbox()
        way = "bubblewrap" if self._as_root else "bubblewrap with user namespaces"
        own = "one user id for each person of each hub"
        shared = "all servers have the agent's own user id; only the sandbox parts them (run the agent as root)"
        limits = {"memory-limit": "memory", "cpu-limit": "cpu", "process-limit": "pids"}
        return [
            Ability(name="sandbox", state="full", detail=way),
            Ability(
                name="own-uids", state="full" if self._as_root else "none", detail=own if self._as_root else shared
            ),
            await self._network.ability(),
            *(self._limit_ability(name, controller) for name, controller in limits.items()),
        ]

    async def close(self) -> None:
        """Remove what all servers share, if none is left."""
        await self._warm.close()
        running = await asyncio.to_thread(labels.scan, self._options.label)
        if not self._planned and not running and not await asyncio.to_thread(self._cgroups.servers):
            await self._network.remove()
            await asyncio.to_thread(self._cgroups.close)

    async def capacity(self) -> Capacity:
        """Return the machine's cores and memory."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
        return Capacity(cpu=len(os.sched_getaffinity(0)), memory_gib=round(memory, 2))

    def remember(self, states: Sequence[LauncherState]) -> None:
        """Keep the addresses of servers that run since before the agent's start from being given again."""
        self._planned.update({state.server: state.facts for state in states})

    def _limit_ability(self, name: str, controller: str) -> Ability:
        if controller in self._cgroups.folders:
            return Ability.model_validate({"name": name, "state": "full", "detail": self._cgroups.kind})
        why = "no control group of its own can be made (run the agent as root, or by `systemd-run --user --scope "
        why += "-p Delegate=yes`)"
        return Ability.model_validate({"name": name, "state": "none", "detail": why})

    async def _try_sandbox(self) -> None:
        bubblewrap.find()
        folder = self._options.folder / "trial"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        binds, links = sandbox.system()
        uid = _NOBODY if self._as_root else inside.UID
        root = PurePosixPath("/")
        box = Sandbox(uid, self._as_root, binds, unshare_network=self._network.unshare, directory=root)
        (folder / "log").unlink(missing_ok=True)
        try:
            held = await bubblewrap.hold(
                box,
                ["/bin/sleep", "10"],
                label=f"{self._options.label}/trial",
                output=folder / "log",
                status=folder / "status",
                links=links,
            )
        except LaunchError as error:
            raise LaunchError(
                f"no sandbox can be made here: {error.hint or error.message}",
                hint=namespaces.way_out(),
            ) from error
        held.let_go()
        process.send(held.init, signal.SIGKILL)
        await asyncio.to_thread(held.child.wait, 10)

    def _limit(self, request: LaunchRequest) -> None:
        wanted = request.request.resources
        limits = Limits(
            wanted.memory_gib,
            wanted.memory_guarantee_gib,
            wanted.cpu,
            wanted.cpu_guarantee,
            self._options.processes,
        )
        self._cgroups.make(request.server, limits)

    async def _go(
        self, request: LaunchRequest, held: bubblewrap.Held, told: Mapping[str, object], *, warm: bool
    ) -> None:
        if not warm:
            held.go(told)
            return
        groups = sorted(request.groups.values())
        log, join = self._folder(request.server) / "log", self._cgroups.join_files(request.server)
        await self._warm.fork(request.prefix, held, told, uid=request.uid, groups=groups, log=log, join=join)

    async def _hold(self, request: LaunchRequest, *, warm: bool) -> bubblewrap.Held:
        binds, links = sandbox.system()
        folder = self._folder(request.server)
        held = await bubblewrap.hold(
            inside.box(request, binds, self._setting()),
            HOLDER if warm else [str(request.prefix / "bin" / "python"), "-I", str(START_PROGRAM)],
            label=f"{self._options.label}/{request.server}",
            output=folder / "log",
            status=folder / "status",
            links=links,
            join=self._cgroups.join_files(request.server),
        )
        self._children[request.server] = held.child
        return held

    def _setting(self) -> inside.Setting:
        return inside.Setting(
            as_root=self._as_root,
            python_prefix=self._options.python_prefix,
            own_network=self._network.unshare,
            name_servers=tuple(self._network.name_servers()),
            hub_address=self._network.hub_address,
            variables=self._options.variables,
        )

    def _health(self, state: LauncherState) -> Health:
        server, memory = state.server, ""
        logfile.shorten(self._folder(server) / "log")
        child = self._children.get(server)
        if child is not None:
            child.poll()
        ended = self._cgroups.out_of_memory(server)
        init = _process(state.facts, "init")
        if ended:
            memory = causes.memory_notice(ended)
        if state.facts.get("boot") != boot_id():
            return Health("gone", StopReason.KILLED, "the machine was restarted", "start the server again")
        if init is None:
            return Health("unknown")
        if init.alive():
            return Health("running", notice=memory)
        status = bubblewrap.read_status(self._folder(server) / "status").get("exit-code")
        log = logfile.tail(self._folder(server) / "log", 60)
        return causes.ended(status, log, out_of_memory=ended > 0)

    def _end(self, init: ProcessId | None, monitor: ProcessId | None, grace_s: float) -> None:
        """End a sandbox: its server by SIGTERM, so that it can end its kernels; then all of it; blocks."""
        if init is not None and init.alive():
            for child in _children_of(init.pid):
                process.send(child, signal.SIGTERM)
            if not process.wait_ended(init, grace_s):
                process.send(init, signal.SIGKILL)
                process.wait_ended(init, 10)
        if monitor is not None:
            process.end(monitor, grace_s=1.0, group=False)

    def _folder(self, server: str) -> Path:
        return self._options.folder / server


def _name(role: str, named: ProcessId | None) -> dict[str, str]:
    return {role: f"{named.pid}:{named.start_ticks}"} if named else {}


def _process(facts: Mapping[str, str], role: str) -> ProcessId | None:
    """Return a recorded process of this boot."""
    pid, _, ticks = facts.get(role, "").partition(":")
    if not pid.isdigit() or not ticks.isdigit() or facts.get("boot") != boot_id():
        return None
    return ProcessId(int(pid), int(ticks))


def _children_of(pid: int) -> list[ProcessId]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [named for named in (ProcessId.of(int(child)) for child in children) if named]
