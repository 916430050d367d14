"""How user namespaces, which an ordinary user's sandbox is made of, are allowed on this machine."""

from pathlib import Path

_SETTINGS = (
    # Debian's own, Ubuntu's own, and the kernel's (namespaces(7)): what forbids, what allows
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "15000"),
)


def way_out(settings: Path = Path("/proc/sys")) -> str:
    """Return what to do where no sandbox can be made: the one command for what forbids it here, if that is known."""
    forbidding = [f"{name}={allowed}" for name, forbidden, allowed in _SETTINGS if _read(settings, name) == forbidden]
    if not forbidding:
        return "run the agent as root, or on a machine (or in a container) that allows user namespaces"
    return f"allow user namespaces: sudo sysctl -w {' '.join(forbidding)} (or run the agent as root)"


def _read(settings: Path, name: str) -> str:
    try:
        return settings.joinpath(*name.split(".")).read_text().strip()
    except OSError:
        return ""
