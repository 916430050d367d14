"""What to do where user namespaces are forbidden."""

from pathlib import Path

import pytest

from hubfleet.agent.launchers.namespaces import way_out

DEBIAN, UBUNTU, KERNEL = (
    "kernel/unprivileged_userns_clone",
    "kernel/apparmor_restrict_unprivileged_userns",
    "user/max_user_namespaces",
)


@pytest.mark.parametrize(
    ("found", "command"),
    [
        ({DEBIAN: "0", KERNEL: "9000"}, "sysctl -w kernel.unprivileged_userns_clone=1 ("),
        ({UBUNTU: "1", KERNEL: "9000"}, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 ("),
        ({KERNEL: "0"}, "sysctl -w user.max_user_namespaces=15000 ("),
        ({DEBIAN: "0", UBUNTU: "1"}, "userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 ("),
    ],
)
def test_the_one_command_for_what_forbids_them_is_named(tmp_path: Path, found: dict[str, str], command: str) -> None:
    """No setting that this machine does not have, and none that is right already."""
    for name, value in found.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    assert command in way_out(tmp_path)


def test_where_no_setting_forbids_them_none_is_named(tmp_path: Path) -> None:
    """A container's own rules may."""
    assert "sysctl" not in way_out(tmp_path)
    assert "as root" in way_out(tmp_path)
