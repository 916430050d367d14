"""Locks: lists of packages with hashes, named by the digest of their canonical text. Pure."""

import hashlib
import re

from hubfleet.errors import StateError

MAX_LOCK_BYTES = 2_000_000
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w.,-]+\])?==[\w.+!*]+(\s*;[^\\]*)?( --hash=sha256:[0-9a-f]{64})+")


def canonical(text: str) -> str:
    """Return a lock with one sorted requirement a line, without comments and layout.

    Raises:
        StateError: it is no lock: a line has no exact version or no hash, or is an option such as `--index-url`.
    """
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = [re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines()]
    kept = sorted(re.sub(r"\s+", " ", line) for line in lines if line)
    for line in kept:
        if not _REQUIREMENT.fullmatch(line):
            raise StateError(f"this line of a lock has no exact version with hashes: {line[:80]!r}")
    return "\n".join(kept) + "\n"


def digest(canonical_lock: str) -> str:
    """Return the name of an environment: SHA-256 of its canonical lock."""
    return hashlib.sha256(canonical_lock.encode()).hexdigest()
