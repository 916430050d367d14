"""Certificates: a folder that is watched, so that a renewed one is served without a reload.

HAProxy loads the folder when it starts. What changes there later is told to it through its runtime socket, which cuts
no connection.
"""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hubfleet.routes.runtime import RuntimeSocket

_log = logging.getLogger(__name__)
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----", re.DOTALL)


def self_signed(names: Sequence[str], *, days: int = 3650) -> str:
    """Return a new certificate for host names or addresses, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    start = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode() + secret.decode()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def pem_blocks(text: str) -> str:
    """Return only the PEM blocks of a file, without blank lines, as the runtime socket wants them."""
    blocks = ["\n".join(line for line in match[0].splitlines() if line.strip()) for match in _BLOCK.finditer(text)]
    return "\n".join(blocks)


class CertificateFolder:
    """One folder of `NAME.pem` files, and what one HAProxy was told of it."""

    def __init__(self, folder: Path, socket: RuntimeSocket) -> None:
        self._folder = folder
        self._socket = socket
        self._told: dict[str, tuple[int, int, int]] | None = None

    def forget(self) -> None:
        """Take note that HAProxy has started anew: what it read itself may be older than what is there now."""
        self._told = None

    async def tell(self) -> None:
        """Tell HAProxy what changed in the folder since it was last told.

        Raises:
            UnreachableError: HAProxy does not answer; the next call tries again.
        """
        seen = self._seen()
        if seen == self._told:
            return
        told = self._told or {}
        loaded = set((await self._socket.ask("show ssl cert")).split())
        for path, state in seen.items():
            if told.get(path) != state:
                await self._replace(path, new=path not in loaded)
        for path in sorted(loaded - set(seen)):
            if str(Path(path).parent) == str(self._folder):
                await self._socket.ask(f"del ssl crt-list {self._folder} {path}")
                await self._socket.ask(f"del ssl cert {path}")
                _log.info("certificate %s is gone", path)
        self._told = seen

    async def _replace(self, path: str, *, new: bool) -> None:
        try:
            text = pem_blocks(await asyncio.to_thread(Path(path).read_text))
        except (OSError, UnicodeDecodeError) as error:
            _log.warning("cannot read certificate %s: %s", path, error)
            return
        if new:
            await self._socket.ask(f"new ssl cert {path}")
        answer = await self._socket.ask(f"set ssl cert {path} <<\n{text}\n")
        done = await self._socket.ask(f"commit ssl cert {path}")
        if "Success" not in done:
            await self._socket.ask(f"abort ssl cert {path}")
            if new:
                await self._socket.ask(f"del ssl cert {path}")
            _log.error("HAProxy refuses certificate %s: %s", path, " ".join(f"{answer} {done}".split()))
            return
        if new:
            await self._socket.ask(f"add ssl crt-list {self._folder} {path}")
        _log.info("certificate %s is in use", path)

    def _seen(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for path in sorted(self._folder.glob("*.pem")):
            try:
                state = path.stat()
            except OSError:
                continue
            if not path.name.startswith("."):
                found[str(path)] = (state.st_mtime_ns, state.st_size, state.st_ino)
        return found
