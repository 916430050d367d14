"""As root: HAProxy gives up root, and only routes' user rules it."""

import os
import pwd
import sys
import tempfile
from pathlib import Path

import pytest

from integration.routes.conftest import MakeUpstream, proxy_maker
from programs import OTHERS_REACH_US, started, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.root]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(not OTHERS_REACH_US, reason="another user cannot reach the project here")
def test_haproxy_and_routes_run_as_their_own_user(make_upstream: MakeUpstream) -> None:
    """The worker is nobody, and routes, as nobody too, tells it of routes; a reload keeps that."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as name, started(Path(name)) as running:
        folder = Path(name)
        folder.chmod(0o711)
        proxy = proxy_maker(running, folder)("ocean", start=False, user="nobody", group="nogroup")
        state = Path(proxy.settings.state_folder)
        state.mkdir(mode=0o700)
        for path in (state, folder / "tokens", folder / "tokens" / "ocean"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        proxy.start_haproxy()
        command = [sys.executable, "-m", "hubfleet.routes", str(proxy.settings_path)]
        proxy.routes = proxy.programs.start("routes", command, user=(nobody.pw_uid, nobody.pw_gid))
        proxy.routes.wait_http(proxy.settings.api.port, "/healthz")
        proxy.wait_told()
        proxy.add("/", make_upstream("hub").url)
        assert proxy.get("/").status == 200
        for _ in range(2):
            status = Path(f"/proc/{proxy.worker()}/status").read_text()
            assert f"Uid:\t{nobody.pw_uid}\t{nobody.pw_uid}" in status
            assert "CapEff:\t0000000000000000" in status
            proxy.reload()
            wait_for("routes after a reload", lambda: proxy.get("/").status == 200)
        assert Path(proxy.settings.runtime_socket).stat().st_mode & 0o777 == 0o600
        assert (Path(proxy.settings.proxy_folder) / "haproxy.cfg").stat().st_uid == 0
        proxy.add("/user/x", make_upstream("x").url, user="x")
