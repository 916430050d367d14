"""Guests: people without a sign-in, each with one temporary server, within limits, removed with all that was theirs.

JupyterHub is the only place that says which guests there are, so that a portal that was killed finds them again. Only
what is needed for limits is kept here, and only in memory: which address of the network asked, and when.
"""

import ipaddress
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from hubfleet._kit.clock import Clock
from hubfleet.errors import ProtocolError, RefusedError
from hubfleet.model import guests as names
from hubfleet.model.features import Anonymous
from hubfleet.model.repositories import taken
from hubfleet.protocol.hub_api import HubApi, HubPerson

_log = logging.getLogger(__name__)

EVERY_S = 5.0
LOOK_S = 60.0
"""How often JupyterHub is asked although nobody is known to be there."""
HOUR_S = 3600.0
ADDRESSES_MAX = 10_000
_IPV6_NET = 64

Forget = Callable[[str], Awaitable[bool]]
"""Ends and removes what a person has in the portal; says whether all of it is gone."""


@dataclass
class Guest:
    """One temporary user, from the moment a place is theirs."""

    name: str
    address: str = ""
    """Of the network; empty: not known, as they came before the portal's start."""
    coming: bool = False
    """Whether their server is on its way to them."""
    unwanted: bool = False
    """Whether nobody waits for it any more."""


class Guests:
    """The guests of one hub; without settings there are none, and those of earlier settings are removed."""

    def __init__(
        self, wanted: Anonymous | None, hub: HubApi, token: SecretStr, *, forget: Forget, clock: Clock
    ) -> None:
        """Make it.

        Args:
            wanted: the hub's settings; None: the hub has no such mode.
            hub: makes and removes users.
            token: the portal's own, with rights over guests alone.
            forget: removes what a guest had in the portal.
            clock: by which limits are counted.
        """
        self._wanted = wanted
        self._hub = hub
        self._token = token.get_secret_value()
        self._forget = forget
        self._clock = clock
        self._guests: dict[str, Guest] = {}
        self._asked: dict[str, deque[float]] = {}
        self._looked_at = float("-inf")

    @property
    def welcome(self) -> bool:
        """Whether people who do not sign in get servers here."""
        return self._wanted is not None

    @property
    def wanted(self) -> Anonymous:
        """The settings, where there are guests."""
        if self._wanted is None:
            raise RefusedError("this hub is for people who sign in", status=403)
        return self._wanted

    @property
    def token(self) -> str:
        """What JupyterHub is asked with for guests; for its own ears only."""
        return self._token

    def allows(self, origin: str) -> bool:
        """Say whether pages of an origin may ask for temporary servers and use them."""
        return self._wanted is not None and bool({"*", origin} & set(self._wanted.origins))

    async def admit(self, repository: str, address: str) -> Guest:
        """Give a place to somebody who asks for a server with a repository; `leave` has to follow.

        Raises:
            RefusedError: the repository is not for guests (403), or a limit is reached (429).
            UnreachableError: the hub cannot be asked just now.
        """
        wanted = self.wanted
        if not taken(repository, only=wanted.repositories):
            raise RefusedError("this repository is not open to people who do not sign in", status=403)
        network = network_of(address)
        self._count(network, wanted)
        if self._looked_at == float("-inf"):
            await self.round()
        if sum(guest.address == network for guest in self._guests.values()) >= wanted.per_address:
            raise RefusedError(
                f"there are {wanted.per_address} temporary servers for your address already",
                status=429,
                hint="close one by File → Shut Down, and try again in a minute",
            )
        if len(self._guests) >= wanted.servers:
            raise RefusedError(
                f"all {wanted.servers} temporary servers are in use", status=429, hint="try again in some minutes"
            )
        free = (name for place in range(1, names.PLACES_MAX + 1) if (name := names.name(place)) not in self._guests)
        guest = Guest(next(free), network, coming=True)
        self._guests[guest.name] = guest
        return guest

    async def settle(self, guest: Guest) -> SecretStr:
        """Make a guest known to JupyterHub; return a token that opens just their server and ends with it.

        Raises:
            RefusedError: the hub does not make it.
            UnreachableError: the hub does not answer just now.
        """
        await self._hub.make_person(self._token, guest.name)
        scope = f"access:servers!server={guest.name}/"
        lasts_s = int(self.wanted.hours * HOUR_S)
        return await self._hub.make_token(
            self._token, guest.name, scopes=[scope], lasts_s=lasts_s, note="temporary server"
        )

    def leave(self, guest: Guest, *, served: bool) -> None:
        """Note that a guest has their server, or that nobody waits for it any more."""
        guest.coming, guest.unwanted = False, not served

    async def round(self) -> None:
        """Remove guests whose time is over, with all that was theirs."""
        now = self._clock.monotonic()
        self._asked = {network: times for network, times in self._asked.items() if times[-1] > now - HOUR_S}
        if not self._guests and now - self._looked_at < LOOK_S:
            return
        coming = {guest.name for guest in self._guests.values() if guest.coming}
        known = set(self._guests)
        people = {person.name: person for person in await self._hub.people(self._token) if names.is_guest(person.name)}
        self._looked_at = now
        for name in sorted((known | set(people)) - coming):
            guest = self._guests.setdefault(name, Guest(name))
            if not guest.coming and self._over(guest, people.get(name)):
                await self._remove(guest, people.get(name))

    async def _remove(self, guest: Guest, person: HubPerson | None) -> None:
        try:
            gone = person is None or await self._hub.remove_person(self._token, guest.name)
        except ProtocolError as error:
            _log.warning("%s is removed later: %s", guest.name, error)
            return
        if gone and await self._forget(guest.name):
            _log.info("%s has gone", guest.name)
            self._guests.pop(guest.name, None)

    def _over(self, guest: Guest, person: HubPerson | None) -> bool:
        if person is None or guest.unwanted or self._wanted is None:
            return True
        server = person.servers.get("")
        if server is None or not (server.ready or server.pending):
            return True
        now, began = self._clock.now(), server.started or person.created
        idle, age = timedelta(minutes=self._wanted.idle_minutes), timedelta(hours=self._wanted.hours)
        used = max((time for time in (server.last_activity, began) if time is not None), default=None)
        return _past(used, now - idle) or _past(began, now - age)

    def _count(self, network: str, wanted: Anonymous) -> None:
        """Count one more request of an address, unless that is too much."""
        now = self._clock.monotonic()
        times = self._asked.pop(network, deque())
        while times and times[0] <= now - HOUR_S:
            times.popleft()
        if len(self._asked) >= ADDRESSES_MAX:
            self._asked.pop(next(iter(self._asked)))
        # last in order: who asked longest ago is forgotten first
        self._asked[network] = times
        if len(times) >= wanted.starts_per_hour:
            minutes = int((times[0] + HOUR_S - now) // 60) + 1
            raise RefusedError(
                f"your address has asked for {wanted.starts_per_hour} temporary servers within an hour",
                status=429,
                hint=f"try again in {minutes} minutes",
            )
        times.append(now)


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the 64 bits of IPv6 that one customer has at least."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _IPV6_NET), strict=False))
    return str(found)


def _past(time: datetime | None, limit: datetime) -> bool:
    return time is not None and time <= limit
