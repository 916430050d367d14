"""Which environment each profile of a hub has: promoted, gone back from, and kept ready on the hub's clusters."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hubfleet._kit.clock import Clock
from hubfleet.errors import RefusedError
from hubfleet.model.access import PROMOTE
from hubfleet.model.document import ProfileEnvironment
from hubfleet.portal.features.builds.sending import Sending
from hubfleet.portal.people import Person
from hubfleet.protocol.builds import BuildState
from hubfleet.records.entries import EnvironmentEntry, PromotionEntry
from hubfleet.records.store import Records
from hubfleet.records.tables import Tables

_log = logging.getLogger(__name__)

KEEP_EVERY_S = 900.0
"""Clusters tidy away what nobody asked for within an hour; what profiles have is asked for more often."""
HISTORY_MAX = 100
NEVER = '"0"'
"""The tag of a profile that was never given an environment."""
_DIGEST = re.compile("[0-9a-f]{64}")
_IMAGE = re.compile("[/:@]")


@dataclass(frozen=True)
class Had:
    """A profile, what it has, and what it would go back to."""

    name: str
    title: str
    last: PromotionEntry | None
    """Its newest step; None: it never had any, and has what the hub's file says."""
    before: PromotionEntry | None
    """The step that going back leads to; None: what the hub's file says."""

    @property
    def tag(self) -> str:
        """What tells this state from each other one that the profile ever had (an ETag)."""
        return NEVER if self.last is None else f'"{self.last.id}"'

    @property
    def digest(self) -> str:
        """The environment's name; empty: what the hub's file says."""
        return "" if self.last is None else self.last.digest


class Profiles:
    """What those may do who may promote; the right is asked at each door."""

    def __init__(self, titles: Mapping[str, str], records: Records, sending: Sending, clock: Clock) -> None:
        self._titles = titles
        self._records = records
        self._sending = sending
        self._clock = clock

    async def all(self, person: Person) -> list[Had]:
        """Return all profiles, in the order of the hub's file.

        Raises:
            RefusedError: the person may not promote (403).
        """
        _allowed(person)

        def work(tables: Tables) -> list[Had]:
            now = tables.promotions.now()
            return [self._had(tables, name, now.get(name)) for name in self._titles]

        return await self._records.run(work)

    async def one(self, person: Person, profile: str) -> tuple[Had, list[PromotionEntry]]:
        """Return a profile with its steps, newest first.

        Raises:
            RefusedError: the person may not promote (403), or there is no such profile (404).
        """
        self._known(person, profile)

        def work(tables: Tables) -> tuple[Had, list[PromotionEntry]]:
            steps = tables.promotions.history(profile, limit=HISTORY_MAX)
            return self._had(tables, profile, steps[0] if steps else None), steps

        return await self._records.run(work)

    async def promote(self, person: Person, profile: str, digest: str, *, if_tag: str = "") -> tuple[Had, bool]:
        """Give a profile an environment from its next start on; say too whether that changed anything.

        What the profile has already may be promoted again, whatever the tag: an answer that was lost can be asked for
        again.

        Args:
            person: who promotes.
            profile: by name.
            digest: of an environment that the person may see.
            if_tag: the tag that the profile must still have; empty: any.

        Raises:
            RefusedError: the person may not promote (403), profile or environment are not there (404), the environment
                is not ready (409), the profile was given another meanwhile (412), or this is no environment (422).
        """
        self._known(person, profile)
        _environment(digest)

        def work(tables: Tables) -> tuple[Had, bool, str]:
            before = self._had(tables, profile, tables.promotions.now().get(profile))
            if before.digest == digest:
                return before, False, ""
            _unchanged(before, if_tag)
            made = _ready(tables, person, digest)
            builds = [build for build in tables.builds_of(digest, person.sees) if build.state == BuildState.READY]
            build = builds[0].id if builds else made.made_from
            promoted = tables.promotions.promote(profile, made, person=person.name, at=self._clock.now(), build=build)
            return self._had(tables, profile, promoted), True, made.lock

        had, changed, lock = await self._records.run(work)
        if changed:
            _log.info("profile %s: environment %s, promoted by %s", profile, digest[:12], person.name)
            self._sending.send(digest, lock, "")
        return had, changed

    async def go_back(self, person: Person, profile: str, *, if_tag: str = "") -> Had:
        """Let a profile have what it had before its last step from its next start on.

        Args:
            person: who goes back.
            profile: by name.
            if_tag: the tag that the profile must still have; empty: any.

        Raises:
            RefusedError: the person may not promote (403), there is no such profile (404), nothing was before (409), or
                the profile was given another environment meanwhile (412).
        """
        self._known(person, profile)

        def work(tables: Tables) -> tuple[Had, str]:
            before = self._had(tables, profile, tables.promotions.now().get(profile))
            _unchanged(before, if_tag)
            if before.last is None or not before.digest:
                raise RefusedError(
                    f"the profile {profile!r} has what the hub's file says: there is nothing to go back to", status=409
                )
            step = tables.promotions.go_back(before.last, person=person.name, at=self._clock.now())
            return self._had(tables, profile, step), tables.promotions.lock(step.digest)

        had, lock = await self._records.run(work)
        _log.info("profile %s: back to %s, by %s", profile, had.digest[:12] or "the hub's file", person.name)
        if lock:
            self._sending.send(had.digest, lock, "")
        return had

    async def told(self) -> tuple[ProfileEnvironment, ...]:
        """Return what the hub is told."""
        now = await self._records.run(lambda tables: tables.promotions.now())
        return tuple(
            ProfileEnvironment(profile=name, digest=now[name].digest, name=now[name].name)
            for name in self._titles
            if name in now and now[name].digest
        )

    async def keep(self) -> None:
        """Ask all clusters for what profiles have, and what they would go back to, so that it stays there."""
        for digest, lock in (await self._records.run(lambda tables: tables.promotions.in_use())).items():
            self._sending.send(digest, lock, "")

    def _had(self, tables: Tables, name: str, last: PromotionEntry | None) -> Had:
        before = tables.promotions.step(last.after) if last is not None else None
        return Had(name, self._titles[name], last, before)

    def _known(self, person: Person, profile: str) -> None:
        _allowed(person)
        if profile not in self._titles:
            known = ", ".join(self._titles)
            raise RefusedError(f"this hub has no profile {profile[:60]!r}", status=404, hint=f"known: {known}")


def _allowed(person: Person) -> None:
    if not person.promotes:
        raise RefusedError(
            "you may not change which environments the hub's profiles have",
            status=403,
            hint=f"an admin may, and whoever has a token or role with the scope {PROMOTE}",
        )


def _environment(digest: str) -> None:
    if _DIGEST.fullmatch(digest):
        return
    if _IMAGE.search(digest):
        raise RefusedError(
            "OCI images are not supported on machine clusters yet",
            status=422,
            hint="build a repository, and promote the digest of its environment",
        )
    raise RefusedError("an environment is named by 64 digits (0-9 and a-f)", status=422)


def _unchanged(had: Had, if_tag: str) -> None:
    if if_tag in {"", "*", had.tag}:
        return
    who = f", by {had.last.person}" if had.last is not None else ""
    raise RefusedError(
        f"the profile {had.name!r} was changed meanwhile{who}: nothing was changed now",
        status=412,
        hint="look at what it has now, and promote again if that is still right",
    )


def _ready(tables: Tables, person: Person, digest: str) -> EnvironmentEntry:
    """Return an environment that a person may see, with its lock."""
    found = tables.environment(digest, person.reader)
    if found is not None:
        return found
    builds = tables.builds_of(digest, person.sees)
    if any(build.ended is None for build in builds):
        raise RefusedError(
            f"the environment {digest[:12]} is not ready: its build goes on", status=409, hint="wait for its end"
        )
    if builds and builds[0].state != BuildState.READY:
        raise RefusedError(
            f"the environment {digest[:12]} is not ready: its build {builds[0].state}",
            status=409,
            hint=builds[0].message or "build it again",
        )
    raise RefusedError(
        f"there is no environment {digest[:12]} that you may see on this hub", status=404, hint="build it here first"
    )
