"""Real source distributions of the package index, unpacked for tests: what repositories hold at a release."""

import hashlib
import io
import os
import re
import tarfile
import urllib.request
from pathlib import Path
from urllib.parse import urljoin


def unpacked(name: str, version: str, folder: Path) -> None:
    """Write the files of a package's source distribution into a folder, without its outermost one."""
    index = os.environ.get("UV_DEFAULT_INDEX", "https://pypi.org/simple").rstrip("/")
    page = urllib.request.urlopen(f"{index}/{name}/", timeout=60)
    with page:
        found = re.search(rf'href="([^"]*/{name}-{re.escape(version)}\.tar\.gz)#sha256=(\w+)"', page.read().decode())
    assert found, f"the index has no source of {name} {version}"
    with urllib.request.urlopen(urljoin(f"{index}/{name}/", found[1]), timeout=120) as source:
        whole = source.read()
    assert hashlib.sha256(whole).hexdigest() == found[2]
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        for member in archive:
            path = folder / member.name.partition("/")[2]
            content = archive.extractfile(member) if member.isfile() else None
            assert path.is_relative_to(folder) and ".." not in path.parts
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
