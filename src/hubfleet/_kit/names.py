"""Names: what fits DNS, ids that can be derived again, and guesses for typing errors."""

import difflib
import re
import uuid
from collections.abc import Iterable

LABEL = re.compile(r"[a-z](?:[a-z0-9]|-(?!-)){0,29}(?<!-)")
"""A name fit for DNS, for paths and for JupyterHub's server names: 1-30 of a-z, 0-9 and single `-`, first a letter."""

_NAMESPACE = uuid.UUID("5b2a4f0e-5b0c-4c53-9d3f-0c8d7a5f4c11")


def is_label(name: str) -> bool:
    """Say whether a name fits `LABEL`."""
    return LABEL.fullmatch(name) is not None


def hub_uuid(fleet: str, hub: str) -> uuid.UUID:
    """Return the lasting id of a hub of a fleet."""
    return uuid.uuid5(_NAMESPACE, f"{fleet}/{hub}")


def server_id(hub: uuid.UUID, person: int, server_name: str) -> str:
    """Return a server's id, the same at each start: from the hub, the person's database id and the server's name.

    An interrupted start is found again by it, since JupyterHub saves a server's state only after `start` returned.
    """
    return str(uuid.uuid5(hub, f"{person}/{server_name}"))


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a person most likely meant, or None."""
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None
