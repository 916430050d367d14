"""Text that browsers keep for us, and can neither read nor change: encrypted, signed, with an end.

Fernet (https://github.com/fernet/spec), with a key for each purpose, so that what was sealed for one thing opens for no
other.
"""

import base64
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hubfleet._kit.clock import Clock

LONGEST = 8192
"""Characters; browsers keep half of that."""


def derived(key: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose."""
    return HKDF(SHA256(), length=32, salt=None, info=f"hubfleet portal: {purpose}".encode()).derive(key)


@dataclass(frozen=True)
class Seal:
    """Seals text for one purpose."""

    fernet: Fernet
    lifetime_s: int
    clock: Clock

    @classmethod
    def of(cls, key: bytes, purpose: str, *, lifetime_s: int, clock: Clock) -> "Seal":
        """Make a seal.

        Args:
            key: the portal's own.
            purpose: what is sealed with it.
            lifetime_s: how long something sealed is good for.
            clock: what that is counted on.
        """
        return cls(Fernet(base64.urlsafe_b64encode(derived(key, purpose))), lifetime_s, clock)

    def close(self, text: str) -> str:
        """Seal a text."""
        return self.fernet.encrypt_at_time(text.encode(), self._now()).decode()

    def open(self, sealed: str) -> str | None:
        """Return the text; None where this seal did not close it, or too long ago."""
        if not sealed or len(sealed) > LONGEST or not sealed.isascii():
            return None
        try:
            return self.fernet.decrypt_at_time(sealed.encode(), self.lifetime_s, self._now()).decode()
        except InvalidToken:
            return None

    def _now(self) -> int:
        return int(self.clock.now().timestamp())
