"""A small signed archive of Debian packages on loopback, made with dpkg-deb and gpg."""

import gzip
import hashlib
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hubfleet._kit import process

NEEDS_GPG = pytest.mark.skipif(
    not shutil.which("gpg"), reason="no gpg is here to sign an archive (apt-get install gpg)"
)
_KEY = "archive@test.invalid"


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@dataclass
class Archive:
    """An archive and what it has."""

    folder: Path
    port: int = 0
    asked: list[str] = field(default_factory=list)
    stanzas: dict[str, str] = field(default_factory=dict)

    @property
    def mirror(self) -> dict[str, object]:
        """What a cluster's file says of it."""
        return {"address": f"http://127.0.0.1:{self.port}", "suites": ["tides"], "key": str(self.folder / "key.gpg")}

    def package(
        self,
        name: str,
        files: Mapping[str, str] | None = None,
        *,
        version: str = "1.0",
        postinst: str = "",
        modes: Mapping[str, int] | None = None,
        **more: str,
    ) -> str:
        """Add a package, and return its hash; another version of it takes its place."""
        tree = Path(tempfile.mkdtemp(dir=self.folder))
        for path, text in (files or {}).items():
            place = tree / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            place.chmod((modes or {}).get(path, 0o755))
        fields = {"Package": name, "Version": version, "Architecture": "all", "Maintainer": f"Ann <{_KEY}>"}
        fields |= {key.replace("_", "-"): value for key, value in more.items()} | {"Description": "of a test"}
        control = "".join(f"{key}: {value}\n" for key, value in fields.items())
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(control)
        if postinst:
            (tree / "DEBIAN/postinst").write_text(f"#!/bin/sh\n{postinst}\n")
            (tree / "DEBIAN/postinst").chmod(0o755)
        file = self.folder / f"{name}_{version}_all.deb"
        process.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(file)])
        shutil.rmtree(tree)
        raw = file.read_bytes()
        digest = hashlib.sha256(raw).hexdigest()
        self.stanzas[name] = f"{control}Filename: {file.name}\nSize: {len(raw)}\nSHA256: {digest}\n"
        self.publish()
        return digest

    def publish(self, *, sign: bool = True) -> None:
        """Write its index, and sign it unless it shall be wrong."""
        suite = self.folder / "dists/tides"
        (suite / "main/binary-amd64").mkdir(parents=True, exist_ok=True)
        plain = "\n".join(self.stanzas.values()).encode()
        files = {"Packages": plain, "Packages.gz": gzip.compress(plain, mtime=0)}
        for name, content in files.items():
            (suite / "main/binary-amd64" / name).write_bytes(content)
        said = "".join(
            f" {hashlib.sha256(content).hexdigest()} {len(content)} main/binary-amd64/{name}\n"
            for name, content in files.items()
        )
        release = suite / "InRelease"
        if not sign:
            # as somebody on the way would, who has no key
            release.write_text(re.sub(r"(?<=SHA256:\n)( .*\n)+", said, release.read_text()))
            return
        about = "Origin: Tides\nSuite: tides\nCodename: tides\nArchitectures: amd64\nComponents: main\n"
        date = "Date: Sat, 01 Jun 2024 00:00:00 UTC\n"
        release.unlink(missing_ok=True)
        self.gpg("--clearsign", "--output", str(release), stdin=f"{about}{date}SHA256:\n{said}")

    def gpg(self, *arguments: str, stdin: str = "") -> None:
        """Run gpg with keys of its own."""
        home = self.folder / ".keys"
        home.mkdir(mode=0o700, exist_ok=True)
        common = ["gpg", "--homedir", str(home), "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback"]
        process.run([*common, "--passphrase", "", *arguments], stdin=stdin)


@contextmanager
def archive(folder: Path) -> Iterator[Archive]:
    """Serve an archive for the length of a block."""
    folder.mkdir(exist_ok=True)
    made = Archive(folder)
    # gpg's agent has a socket below, whose path may be only so long
    folder.chmod(0o755)
    made.gpg("--quick-generate-key", _KEY, "ed25519", "sign", "never")
    made.gpg("--output", str(folder / "key.gpg"), "--export", _KEY)
    (folder / "key.gpg").chmod(0o644)
    handler = type("Handler", (_Quiet,), {"asked": made.asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    made.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        process.run(["gpgconf", "--homedir", str(folder / ".keys"), "--kill", "gpg-agent"], check=False)
