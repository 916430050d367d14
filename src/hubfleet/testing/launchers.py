"""The contract that each launcher keeps, as tests; and a launcher that does what a test tells it.

A plug-in's tests derive a class from `LauncherContract`, give it two methods, and run it with pytest and anyio.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import pairwise

from hubfleet.agent.launchers.base import Health, Launcher, LauncherState, LaunchRequest
from hubfleet.protocol.messages import Ability


class LauncherContract(ABC):
    """What holds for each launcher; methods named `test_…` are async tests."""

    @abstractmethod
    def launcher(self) -> Launcher:
        """Return a fresh launcher over the same cluster, as after a restart of the agent; called in each test."""

    @abstractmethod
    def request(self, server: str) -> LaunchRequest:
        """Return a request that works."""

    async def test_each_state_repeats_what_earlier_ones_left(self) -> None:
        """All facts of a state are in the later ones, progress grows, and the last state has the URL."""
        launcher = self.launcher()
        states = [state async for state in launcher.start(self.request(_ID))]
        try:
            for earlier, later in pairwise(states):
                assert earlier.facts.items() <= later.facts.items()
                assert earlier.progress <= later.progress
            assert states[-1].url.startswith("http://")
            assert {state.server for state in states} == {_ID}
        finally:
            await launcher.stop(states[-1], grace_s=0)

    async def test_what_runs_is_running_and_what_was_stopped_is_gone(self) -> None:
        """`check` tells a running server from one that was stopped."""
        launcher = self.launcher()
        state = await _last(launcher, self.request(_ID))
        assert (await launcher.check([state]))[_ID].state == "running"
        await launcher.stop(state, grace_s=0)
        assert (await launcher.check([state]))[_ID].state == "gone"

    async def test_a_stop_may_come_twice(self) -> None:
        """Stopping what is gone is silent."""
        launcher = self.launcher()
        state = await _last(launcher, self.request(_ID))
        await launcher.stop(state, grace_s=0)
        await launcher.stop(state, grace_s=0)

    async def test_a_stop_of_what_never_was_is_silent(self) -> None:
        """A state without facts, as after a crash before the first step, can be stopped."""
        await self.launcher().stop(LauncherState(_ID, "", 0), grace_s=0)

    async def test_a_start_cut_off_after_any_step_is_cleaned_by_its_last_state(self) -> None:
        """Whichever state was the last one to be saved, `stop` with it leaves nothing that `adopt` finds."""
        launcher = self.launcher()
        steps = len([state async for state in _stopped_at_end(launcher, self.request(_ID))])
        for cut in range(1, steps + 1):
            last = await _cut_off(launcher, self.request(_ID), cut)
            await launcher.stop(last, grace_s=0)
            assert [found for found in await launcher.adopt() if found.server == _ID] == []

    async def test_a_server_can_start_again_after_its_stop(self) -> None:
        """A stop leaves nothing that is in the way of the next start."""
        launcher = self.launcher()
        for _ in range(2):
            state = await _last(launcher, self.request(_ID))
            assert (await launcher.check([state]))[_ID].state == "running"
            await launcher.stop(state, grace_s=0)

    async def test_two_servers_are_two(self) -> None:
        """Stopping one server leaves the other one, and they have different URLs."""
        launcher = self.launcher()
        one, two = await _last(launcher, self.request(_ID)), await _last(launcher, self.request(_OTHER))
        try:
            assert one.url != two.url
            await launcher.stop(one, grace_s=0)
            health = await launcher.check([one, two])
            assert (health[_ID].state, health[_OTHER].state) == ("gone", "running")
        finally:
            await launcher.stop(two, grace_s=0)

    async def test_what_runs_is_found_by_its_label(self) -> None:
        """`adopt` finds a running server, also for whoever has no record of it."""
        launcher = self.launcher()
        state = await _last(launcher, self.request(_ID))
        try:
            assert _ID in {found.server for found in await launcher.adopt()}
        finally:
            await launcher.stop(state, grace_s=0)

    async def test_it_says_what_it_can(self) -> None:
        """Each ability is named once."""
        names = [ability.name for ability in await self.launcher().abilities()]
        assert len(names) == len(set(names)) > 0


class FakeLauncher(Launcher):
    """Pretends to start servers; a test says what goes wrong. What 'the cluster' has outlives it, in `cluster`."""

    name = "fake"
    STEPS = ("reserved", "made", "connected")

    def __init__(self, cluster: dict[str, LauncherState] | None = None) -> None:
        """Make a launcher over a cluster, a new one or what an earlier launcher left."""
        self.cluster: dict[str, LauncherState] = {} if cluster is None else cluster
        self.healths: dict[str, Health] = {}
        self.unmentioned: set[str] = set()
        """Servers of which `check` says nothing."""
        self.before_step: Callable[[str, int], None] = lambda server, step: None
        """Called before each step; may raise."""
        self.on_stop: Callable[[str], None] = lambda server: None
        """Called before each stop; may raise."""
        self.on_check: Callable[[], None] = lambda: None
        """Called before each check; may raise."""
        self.starts: list[str] = []
        self.stops: list[str] = []

    async def start(self, request: LaunchRequest) -> AsyncIterator[LauncherState]:
        """Go through three steps, each of which leaves something."""
        assert request.server not in self.cluster, "two of one server"
        self.starts.append(request.server)
        facts: dict[str, str] = {}
        for number, name in enumerate(self.STEPS):
            self.before_step(request.server, number)
            facts = {**facts, name: "yes"}
            url = f"http://10.0.0.1:{8000 + len(self.starts)}" if number == len(self.STEPS) - 1 else ""
            state = LauncherState(request.server, name, 20 * (number + 1), facts, url)
            self.cluster[request.server] = state
            yield state

    async def check(self, states: Sequence[LauncherState]) -> Mapping[str, Health]:
        """Say what the test set, or whether the server is there."""
        self.on_check()
        there = {True: Health("running"), False: Health("gone")}
        asked = [state.server for state in states if state.server not in self.unmentioned]
        return {server: self.healths.get(server, there[server in self.cluster]) for server in asked}

    async def stop(self, state: LauncherState, *, grace_s: float = 10.0) -> None:
        """Remove the server."""
        self.on_stop(state.server)
        self.stops.append(state.server)
        self.cluster.pop(state.server, None)

    async def adopt(self) -> Sequence[LauncherState]:
        """Return all that is there."""
        return list(self.cluster.values())

    async def logs(self, state: LauncherState, *, lines: int = 200) -> str:
        """Return a line."""
        return "a line"

    async def abilities(self) -> Sequence[Ability]:
        """Say nothing."""
        return [Ability(name="sandbox", state="none")]


_ID = "0c5f1a52-0000-5000-8000-000000000001"
_OTHER = "0c5f1a52-0000-5000-8000-000000000002"


async def _last(launcher: Launcher, request: LaunchRequest) -> LauncherState:
    return [state async for state in launcher.start(request)][-1]


async def _stopped_at_end(launcher: Launcher, request: LaunchRequest) -> AsyncIterator[LauncherState]:
    last = None
    async for last in launcher.start(request):
        yield last
    if last is not None:
        await launcher.stop(last, grace_s=0)


async def _cut_off(launcher: Launcher, request: LaunchRequest, steps: int) -> LauncherState:
    """Take some steps of a start and leave it there."""
    generator = launcher.start(request)
    last = None
    async for state in generator:
        last = state
        steps -= 1
        if not steps:
            break
    close = getattr(generator, "aclose", None)
    if close is not None:
        await close()
    assert last is not None
    return last
