"""The front door's client, against something that listens."""

import socket
import time

import pytest

from hubfleet.errors import ProtocolError
from hubfleet.protocol.front_door import FrontDoor


def test_the_time_for_a_kernel_counts_from_the_first_word() -> None:
    """A server answers the handshake only once the kernel does, so neither has a limit of its own."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        door = FrontDoor("http://ocean.localhost:8000", "ocean.localhost", silent.getsockname())
        began = time.monotonic()
        with pytest.raises(ProtocolError, match="does not run code"):
            door.execute("/user/ann/api/kernels/1/channels", "1", token="t", timeout_s=0.2)
    assert time.monotonic() - began < 5
