"""A platform of dictionaries, and the contract that each platform is held to.

A plug-in's own test derives from `PlatformContract` and gives `platform`, with something desired that is no hub.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from hubfleet.errors import PlatformError, ProofError
from hubfleet.plan.actions import Action, Applied, Observed, Resource
from hubfleet.plan.platform import Platform, Revision


class FakePlatform(Platform):
    """Keeps what it is told in memory; what shall fail is set from outside."""

    def __init__(self, *wanted: Resource) -> None:
        """Start with nothing applied."""
        self.wanted: Sequence[Resource] = wanted
        self.unprovable: set[str] = set()
        """Ids of hubs whose proof fails."""
        self.broken: set[str] = set()
        """Ids of resources that cannot be carried out."""
        self.log: list[str] = []
        """What was asked of it, in order."""
        self._kept: dict[str, list[Revision]] = {}
        self._gone: set[str] = set()

    def desired(self) -> Sequence[Resource]:
        """Return what the test wants."""
        return self.wanted

    def observe(self) -> Observed:
        """Return what was applied and not deleted."""
        there = {name: kept[0] for name, kept in self._kept.items() if name not in self._gone}
        return Observed(
            applied={name: Applied(resource=item.resource, revision=item.number) for name, item in there.items()}
        )

    def carry_out(self, action: Action) -> bool:
        """Note it."""
        name = action.resource.id
        self.log.append(f"{action.do} {name}")
        if name in self.broken:
            raise PlatformError("the disk is full")
        if action.do == "delete":
            self._gone.add(name)
        else:
            self._add(action.resource)
        return action.do != "delete"

    def prove(self, hub: Resource) -> None:
        """Succeed, unless the test says otherwise."""
        self.log.append(f"prove {hub.id}")
        if hub.id in self.unprovable:
            raise ProofError("the notebook says 284")

    def revisions(self, resource: str) -> Sequence[Revision]:
        """Return what was applied, newest first."""
        return tuple(self._kept.get(resource, ()))

    def mark(self, resource: str, *, proven: bool) -> None:
        """Note a proof."""
        self._kept[resource][0] = self._kept[resource][0].model_copy(update={"proven": proven})

    def restore(self, revision: Revision) -> None:
        """Bring a revision back as a new one."""
        self.log.append(f"restore {revision.resource.id} {revision.number}")
        self._add(revision.resource, proven=revision.proven)

    def _add(self, resource: Resource, *, proven: bool | None = None) -> None:
        kept = self._kept.setdefault(resource.id, [])
        at = datetime.now(UTC)
        kept.insert(0, Revision(number=len(kept) + 1, resource=resource, at=at, proven=proven))
        self._gone.discard(resource.id)


class PlatformContract:
    """What plan and apply rely on; the fixture `platform` gives one on which nothing was applied."""

    def test_nothing_is_there_at_first(self, platform: Platform) -> None:
        """And asking makes nothing."""
        assert not platform.observe().applied
        assert not platform.observe().applied

    def test_what_is_desired_is_the_same_each_time(self, platform: Platform) -> None:
        """Or plans would never be empty."""
        assert [item.digest() for item in platform.desired()] == [item.digest() for item in platform.desired()]

    def test_what_was_created_is_observed_as_desired(self, platform: Platform) -> None:
        """The next plan has nothing to do for it."""
        wanted = _create(platform)
        there = platform.observe().applied[wanted.id]
        assert there.resource.digest() == wanted.digest()
        assert there.healthy

    def test_doing_it_again_harms_nothing(self, platform: Platform) -> None:
        """An interrupted apply is continued by the same actions."""
        wanted = _create(platform)
        platform.carry_out(Action(do="repair", resource=wanted))
        assert platform.observe().applied[wanted.id].healthy

    def test_each_change_is_a_revision_and_the_newest_comes_first(self, platform: Platform) -> None:
        """Numbered upwards."""
        wanted = _create(platform)
        platform.carry_out(Action(do="change", resource=wanted))
        numbers = [revision.number for revision in platform.revisions(wanted.id)]
        assert numbers == sorted(numbers, reverse=True)
        assert len(numbers) == 2

    def test_a_restored_revision_is_a_new_one(self, platform: Platform) -> None:
        """History is never rewritten."""
        wanted = _create(platform)
        platform.restore(platform.revisions(wanted.id)[-1])
        assert len(platform.revisions(wanted.id)) == 2
        assert platform.observe().applied[wanted.id].resource.digest() == wanted.digest()

    def test_a_proof_is_noted_of_the_newest_revision(self, platform: Platform) -> None:
        """Whatever its outcome."""
        wanted = _create(platform)
        platform.mark(wanted.id, proven=False)
        assert platform.revisions(wanted.id)[0].proven is False

    def test_what_was_deleted_is_gone_but_for_its_history(self, platform: Platform) -> None:
        """It can be brought back."""
        wanted = _create(platform)
        platform.carry_out(Action(do="delete", resource=wanted))
        assert wanted.id not in platform.observe().applied
        platform.restore(platform.revisions(wanted.id)[0])
        assert wanted.id in platform.observe().applied


def _create(platform: Platform) -> Resource:
    """Apply what is desired up to the first thing that is no hub and has a program; return that."""
    for wanted in platform.desired():
        platform.carry_out(Action(do="create", resource=wanted))
        if wanted.kind == "routes":
            return wanted
    raise AssertionError("the platform of this test must desire something of the kind `routes`")
