"""What a server will see, read from bubblewrap's arguments."""

from itertools import pairwise
from pathlib import Path, PurePosixPath

from hubfleet.agent.launchers import sandbox
from hubfleet.agent.launchers.sandbox import Bind, Sandbox

HOME = Bind(Path("/data/homes/ocean/ann"), PurePosixPath("/home/jovyan"), writable=True)
SOFTWARE = Bind(Path("/root/fleet/env"), PurePosixPath("/root/fleet/env"))


def _arguments(**more: object) -> list[str]:
    box = Sandbox(**{"uid": 200_000, "as_root": True, "binds": [HOME, SOFTWARE], **more})  # type: ignore[arg-type]
    return sandbox.arguments(box, dict.fromkeys(box.texts, 9), {"/bin": "usr/bin"})


def test_only_what_is_named_is_writable() -> None:
    """Of all binds only the home's is writable."""
    found = [right for left, right in pairwise(_arguments()) if left == "--bind"]
    assert found == ["/data/homes/ocean/ann"]


def test_it_has_its_own_processes_names_and_memory() -> None:
    """Process, IPC and host name spaces are its own in each case."""
    for as_root in (True, False):
        arguments = _arguments(as_root=as_root)
        assert {"--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session", "--clearenv"} <= set(arguments)


def test_it_outlives_the_agent() -> None:
    """Nothing ties a server's life to its parent's."""
    assert "--die-with-parent" not in _arguments()


def test_an_ordinary_user_gets_a_user_namespace_without_rights() -> None:
    """Without root, a user namespace that can make no further ones, and no capability."""
    arguments = _arguments(as_root=False)
    assert {"--unshare-user", "--disable-userns"} <= set(arguments)
    assert ("--cap-drop", "ALL") in pairwise(arguments)


def test_folders_above_a_bind_can_be_entered() -> None:
    """Each parent is made with mode 0755, since bubblewrap would make it 0700, and before what is below it."""
    arguments = _arguments()
    for parent in ("/root", "/root/fleet", "/home"):
        place = arguments.index(parent)
        assert arguments[place - 3 : place] == ["--perms", "0755", "--dir"]
        assert place < arguments.index(f"{'/root/fleet/env' if parent != '/home' else '/home/jovyan'}", place)


def test_the_root_is_read_only_at_the_end() -> None:
    """After everything is mounted the root itself is closed."""
    arguments = _arguments()
    assert ("--remount-ro", "/") in pairwise(arguments)
    assert arguments.index("--remount-ro") > max(at for at, item in enumerate(arguments) if item.startswith("--bind"))


def test_as_root_every_right_is_dropped_before_the_server() -> None:
    """Setpriv changes to the person's own ids and drops all capabilities, the bounding set too."""
    box = Sandbox(200_000, True, groups=[200_007])
    command = sandbox.command(box, Path("/usr/bin/bwrap"), 7, ["python", "start.py"])
    assert command[:4] == ["/usr/bin/bwrap", "--args", "7", "--"]
    assert ("--reuid", "200000") in pairwise(command) and ("--regid", "200000") in pairwise(command)
    assert ("--groups", "200007") in pairwise(command)
    assert {"--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"} <= set(command)
    assert command[-2:] == ["python", "start.py"]


def test_the_hosts_accounts_are_not_shown() -> None:
    """/etc/passwd has the person, root and nobody; /etc as a whole is not bound."""
    texts = sandbox.accounts(200_000, {200_007: "data"})
    assert [line.partition(":")[0] for line in texts["/etc/passwd"].splitlines()] == ["jovyan", "root", "nobody"]
    assert "data:x:200007:jovyan" in texts["/etc/group"]
    binds, _ = sandbox.system()
    assert PurePosixPath("/etc") not in {bind.target for bind in binds}
    assert not any(str(bind.target).startswith(("/etc/shadow", "/etc/ssh", "/root", "/run")) for bind in binds)


def test_shared_folders_are_never_mounted_below_the_home() -> None:
    """A mount by root has no target that a person could turn into a link."""
    assert not sandbox.SHARED.is_relative_to(sandbox.HOME)
