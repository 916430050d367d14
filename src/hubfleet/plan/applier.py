"""Carries a plan out: what others rest on first, staging before production, each hub proven, what fails put back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hubfleet.errors import HubfleetError, ProofError, WorldChangedError
from hubfleet.plan.actions import Action, Plan, Resource
from hubfleet.plan.journal import Journal
from hubfleet.plan.platform import Platform

StepState = Literal["begun", "proving", "done", "failed", "put back", "left alone"]
Tell = Callable[[Action, StepState, str], None]


@dataclass
class Outcome:
    """How an apply went."""

    done: list[Action] = field(default_factory=list)
    failed: dict[str, HubfleetError] = field(default_factory=dict)
    """By resource id."""
    left_alone: list[Action] = field(default_factory=list)
    """Not begun since what they rest on failed."""

    @property
    def good(self) -> bool:
        """Whether all that was planned is done and proven."""
        return not self.failed and not self.left_alone


def apply(plan: Plan, platform: Platform, journal: Journal, tell: Tell) -> Outcome:
    """Carry out a plan; a hub that fails is put back and the others go on.

    Args:
        plan: what to do.
        platform: where.
        journal: each step is noted in it before and after.
        tell: called with each step, for progress.

    Raises:
        WorldChangedError: something was applied since the plan was made.
    """
    if platform.observe().digest() != plan.made_for:
        raise WorldChangedError("something was applied since this plan was made", hint="make a new one: hubfleet plan")
    outcome = Outcome()
    journal.begin(len(plan.actions))
    for action in plan.actions:
        if _rests_on_failure(action, outcome, plan.actions):
            outcome.left_alone.append(action)
            tell(action, "left alone", "what it rests on failed")
            continue
        _one(action, platform, journal, tell, outcome)
    journal.end(good=outcome.good)
    return outcome


def _one(action: Action, platform: Platform, journal: Journal, tell: Tell, outcome: Outcome) -> None:
    tell(action, "begun", "")
    journal.step(action, "begun")
    try:
        if platform.carry_out(action):
            _prove(action, platform, tell)
    except HubfleetError as error:
        outcome.failed[action.resource.id] = error
        journal.step(action, "failed")
        tell(action, "failed", str(error))
        if action.resource.kind == "hub" and action.do != "delete":
            _put_back(action, platform, tell)
        return
    journal.step(action, "done")
    outcome.done.append(action)
    tell(action, "done", "")


def _prove(action: Action, platform: Platform, tell: Tell) -> None:
    if action.resource.kind != "hub" or action.do == "delete":
        return
    tell(action, "proving", "a real server runs a real notebook")
    try:
        platform.prove(action.resource)
    except ProofError:
        platform.mark(action.resource.id, proven=False)
        raise
    platform.mark(action.resource.id, proven=True)


def _put_back(action: Action, platform: Platform, tell: Tell) -> None:
    good = next((item for item in platform.revisions(action.resource.id) if item.proven), None)
    if good is None:
        tell(action, "left alone", "no earlier revision was proven; it stays as it is, for you to look at")
        return
    try:
        platform.restore(good)
    except HubfleetError as error:
        tell(action, "failed", f"revision {good.number} could not be brought back: {error}")
        return
    tell(action, "put back", f"revision {good.number} of {good.at:%Y-%m-%d %H:%M} UTC runs again")


def _rests_on_failure(action: Action, outcome: Outcome, actions: Sequence[Action]) -> bool:
    """Say whether something failed that an action needs: a shared part, or the hub's own staging twin."""
    if action.do == "delete":
        return False
    not_done = {*outcome.failed, *(item.resource.id for item in outcome.left_alone)}
    shared = any(not name.startswith("hub ") for name in not_done)
    return shared or any(twin in not_done for twin in _twins(action.resource, actions))


def _twins(hub: Resource, actions: Sequence[Action]) -> list[str]:
    if hub.kind != "hub":
        return []
    return [item.resource.id for item in actions if item.resource.staging_for == hub.name]
