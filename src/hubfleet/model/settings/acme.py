"""What `hubfleet.routes.acme` is told, and what it writes down about each certificate for `hubfleet status`."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from hubfleet.model.base import Message, StrictModel
from hubfleet.model.settings.routes import Address, FilePath, HostName, Port
from hubfleet.model.text import WebAddress

STATES_FILE = "certificates.json"
"""Name of the file with `CertificateStates` in the state folder."""


class AcmeSettings(StrictModel):
    """All that the program is told."""

    mail: str
    """For the authority's account."""
    directory: WebAddress
    """The authority's directory (RFC 8555, section 7.1.1)."""
    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]
    """Each gets a certificate of its own."""
    listen: Address
    """Where challenges are answered; the proxy routes `/.well-known/acme-challenge/` there."""
    http_port: Port
    """The proxy's plain port, which the authority reaches as port 80; for what is said where it does not."""
    certificates: FilePath
    """Folder into which `HOST.pem` is written: certificate, chain and key."""
    state_folder: FilePath
    """For account keys, and for what is known of each certificate."""


class CertificateState(Message):
    """What is known of one host's certificate."""

    host: str
    expires: datetime | None = None
    """None: there is none."""
    renews: datetime | None = None
    """When the next one is asked for, if nothing goes wrong."""
    directory: str = ""
    """The authority that signed it."""
    asking: bool = False
    """Whether one is being asked for just now."""
    asked: str = ""
    """The authority that was last asked in vain."""
    tried: datetime | None = None
    """When that was."""
    next_try: datetime | None = None
    failures: int = 0
    """How often in a row none could be had."""
    limited: bool = False
    """Whether the authority itself asks for patience."""
    problem: str = ""
    """Why none could be had when last asked for."""
    hint: str = ""
    """What to do about it."""


class CertificateStates(Message):
    """What is known of all certificates."""

    hosts: dict[str, CertificateState] = {}
