"""A certificate authority for tests: pebble, Let's Encrypt's own, with a DNS in which all names lead to 127.0.0.1."""

import fcntl
import json
import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import certifi
import httpx
import pytest

from hubfleet._kit import process
from hubfleet.routes.certificates import self_signed
from programs import free_port, started, wait_for

BUILT = Path(__file__).parent.parent / ".cache/go"
VERSION = "v2.10.1"


@dataclass
class Pebble:
    """An authority that runs."""

    directory: str
    trusted: Path
    """Certificates to trust: those of the world, and the one that the authority itself shows."""
    management: int
    """Port of its management."""
    own: Path
    dns: int
    """Port of its DNS's management."""

    def root(self) -> ssl.SSLContext:
        """Return what trusts the certificates that it signs, and nothing else."""
        context = ssl.create_default_context(cafile=str(self.own))
        answer = httpx.get(f"https://127.0.0.1:{self.management}/roots/0", verify=context)
        return ssl.create_default_context(cadata=answer.text)

    def lead_names_to(self, address: str) -> None:
        """Let all names lead to an address, or, where it is empty, nowhere."""
        answer = httpx.post(f"http://127.0.0.1:{self.dns}/set-default-ipv4", json={"ip": address})
        assert answer.status_code == 200


def binary(name: str) -> str:
    """Return the path of pebble or its DNS, built at the first time."""
    path = BUILT / name
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            go = shutil.which("go")
            if go is None:
                pytest.skip("Go is needed to build pebble")
            module = f"github.com/letsencrypt/pebble/v2/cmd/{name}@{VERSION}"
            process.run([go, "install", module], env={**os.environ, "GOBIN": str(BUILT)}, timeout_s=600)
    return str(path)


@contextmanager
def authority(folder: Path, *, http_port: int, valid_s: int = 86400) -> Iterator[Pebble]:
    """Run an authority that asks for challenges at a port of 127.0.0.1 and signs for a time."""
    own, key = folder / "pebble.pem", folder / "pebble.key"
    pem = self_signed(["127.0.0.1"])
    cut = pem.index("-----BEGIN PRIVATE")
    own.write_text(pem[:cut])
    key.write_text(pem[cut:])
    trusted = folder / "trusted.pem"
    trusted.write_text(f"{Path(certifi.where()).read_text()}\n{pem[:cut]}")
    api, management, dns, dns_api = (free_port() for _ in range(4))
    config = {
        "listenAddress": f"127.0.0.1:{api}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(own),
        "privateKey": str(key),
        "httpPort": http_port,
        "tlsPort": free_port(),
        "retryAfter": {"authz": 1, "order": 1},
        "keyAlgorithm": "ecdsa",
        "profiles": {"default": {"description": "for tests", "validityPeriod": valid_s}},
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    with started(folder) as programs:
        flags = {"-dnsserver": f"127.0.0.1:{dns}", "-management": f"127.0.0.1:{dns_api}", "-defaultIPv6": ""}
        unused = dict.fromkeys(("-http01", "-https01", "-tlsalpn01", "-doh"), "")
        arguments = [f"{name}={value}" for name, value in (flags | unused).items()]
        programs.start("dns", [binary("pebble-challtestsrv"), *arguments, "-defaultIPv4=127.0.0.1"])
        running = programs.start(
            "pebble",
            [binary("pebble"), "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"],
            env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"},
        )
        wait_for("pebble", lambda: "ACME directory available" in running.log())
        made = Pebble(f"https://127.0.0.1:{api}/dir", trusted, management, own, dns_api)
        wait_for("pebble's DNS", lambda: _listens(dns_api))
        yield made


def _listens(port: int) -> bool:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()
    return True
