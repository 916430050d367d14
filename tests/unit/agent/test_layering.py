"""What is taken of what Debian packages leave: data with plain rights, and nothing that leads out."""

import json
import os
from pathlib import Path

import pytest

from hubfleet.agent.environments.layering import Taking, take


def _installed(working: Path) -> None:
    """Make what dpkg could have left."""
    for folder in ("usr/bin", "usr/lib/empty", "etc/tides", "etc/same", "var/lib/dpkg", "result"):
        (working / folder).mkdir(parents=True)
    (working / "usr/bin/tides").write_text("#!/bin/sh")
    (working / "usr/bin/tides").chmod(0o6711)
    os.mkfifo(working / "usr/bin/pipe")
    (working / "usr/bin/inside").symlink_to("../lib/tides")
    (working / "usr/bin/alternative").symlink_to("/etc/alternatives/tides")
    (working / "usr/bin/outside").symlink_to("../../../../../etc/shadow")
    (working / "etc/tides/tides.conf").write_text("level")
    (working / "etc/linked").symlink_to("/root")
    (working / "etc/passwd").write_text("root::0:0::/:/bin/sh")
    (working / "etc/ld.so.preload").write_text("/usr/lib/tides.so")
    (working / "var/lib/dpkg/status").write_text(
        "Package: tides\nStatus: install ok half-configured\n\nPackage: other\nStatus: install ok installed\n"
    )
    same = [[".", (working / "etc/same").lstat().st_mode, 0, 0]]
    before = {"etc": {"same": same}, "var/lib": {}, "var/cache": {}}
    (working / "result/before.json").write_text(json.dumps(before))


def test_only_data_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No rights of others, pipes, accounts, preloaded libraries, links above the root; what was there stays there."""
    _installed(tmp_path)
    take({"working": str(tmp_path), "names": ["tides"], "max_bytes": 10**6, "max_entries": 1000})
    taken = {str(path.relative_to(tmp_path / "result")) for path in (tmp_path / "result").rglob("*")}
    assert taken == {
        *("usr", "usr/bin", "usr/bin/tides", "usr/bin/inside", "usr/bin/alternative", "usr/lib", "usr/lib/empty"),
        *("etc", "etc/tides", "etc/tides/tides.conf"),
    }
    assert (tmp_path / "result/usr/bin/tides").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "result/etc/tides/tides.conf").stat().st_mode & 0o7777 == 0o644
    assert json.loads(capsys.readouterr().out) == {"tides": "half-configured"}


@pytest.mark.parametrize(("max_bytes", "max_entries"), [(5, 1000), (10**6, 3)])
def test_it_ends_at_its_limits(tmp_path: Path, max_bytes: int, max_entries: int) -> None:
    """Bytes, and files."""
    _installed(tmp_path)
    with pytest.raises(SystemExit):
        Taking(max_bytes, max_entries).usr(tmp_path / "usr", tmp_path / "result/usr")


def test_it_ends_at_its_depth(tmp_path: Path) -> None:
    """Whoever makes folders without end keeps none."""
    (tmp_path / "usr" / "/".join("d" * 70)).mkdir(parents=True)
    with pytest.raises(SystemExit):
        Taking(10**6, 1000).usr(tmp_path / "usr", tmp_path / "taken")
