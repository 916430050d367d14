"""Names of guests: people without a sign-in, whom a hub makes for one server and removes with it.

There are few of them and they are used again and again, so that the portal needs rights over just these names at
JupyterHub, and each cluster needs few user ids for them. No sign-in gives such a name.
"""

import re

PLACES_MAX = 100
"""Guests of one hub at once."""
_NAME = re.compile(r"anonymous-[1-9][0-9]{0,2}")


def name(place: int) -> str:
    """Return the name of the guest at a place, counted from 1."""
    return f"anonymous-{place}"


def is_guest(person: str) -> bool:
    """Say whether a name is a guest's."""
    return _NAME.fullmatch(person) is not None
