"""Two real JupyterHubs on one port, through JupyterHub's own ConfigurableHTTPProxy class."""

import json
from urllib.parse import quote

import pytest

from integration.routes.conftest import MakeProxy, Proxy
from integration.routes.hubs import Hub, Person, make_hub
from programs import Programs, ask, wait_for

pytestmark = pytest.mark.integration


def start_server(hub: Hub, person: str, server: str = "") -> str:
    """Start a person's server and return the path where it is."""
    name = quote(person)
    hub.api("POST", f"/users/{name}")
    path = f"/users/{name}/servers/{server}" if server else f"/users/{name}/server"
    assert hub.api("POST", path).status in {201, 202}

    def ready() -> str:
        servers = json.loads(hub.api("GET", f"/users/{name}").body)["servers"]
        return servers[server]["url"] if servers.get(server, {}).get("ready") else ""

    return wait_for(f"server of {person}", ready, timeout_s=120, every_s=0.2)


def stop_servers(hub: Hub, *people: str) -> None:
    """Stop all servers of people, and wait until they are gone."""
    for person in people:
        name = quote(person)
        for server in json.loads(hub.api("GET", f"/users/{name}").body)["servers"]:
            hub.api("DELETE", f"/users/{name}/servers/{server}" if server else f"/users/{name}/server")
        wait_for(f"end of {person}", lambda n=name: not json.loads(hub.api("GET", f"/users/{n}").body)["servers"])


@pytest.fixture
def two(make_proxy: MakeProxy, running: Programs) -> tuple[Proxy, Hub, Hub]:
    """A proxy with two hubs that run."""
    proxy = make_proxy("ocean", "coast")
    hubs = [make_hub(running, proxy.settings, name) for name in ("ocean", "coast")]
    for hub in hubs:
        hub.start()
    return proxy, hubs[0], hubs[1]


def test_two_hubs_serve_their_people_on_one_port(two: tuple[Proxy, Hub, Hub]) -> None:
    """Sign-in, servers of awkward names, a named server and OAuth work on both hubs, and each hub keeps to its own."""
    proxy, ocean, coast = two
    person = Person(proxy.port)
    assert person.sign_in(ocean.host, "x@y.z").status == 200
    assert "x@y.z" in person.get(ocean.host, "/hub/token").text
    try:
        assert start_server(ocean, "x@y.z") == "/user/x@y.z/"
        assert start_server(ocean, "x@y.z", "extra") == "/user/x@y.z/extra/"
        assert start_server(coast, "üna") == "/user/%C3%BCna/"
        lab = person.get(ocean.host, "/user/x@y.z/lab")
        assert (lab.status, "jupyter-config-data" in lab.text) == (200, True)
        assert person.get(ocean.host, "/user/x%40y.z/api/status").status == 200
        assert person.get(ocean.host, "/user/x@y.z/extra/lab").status == 200
        other = Person(proxy.port)
        other.sign_in(coast.host, "üna")
        assert other.get(coast.host, "/user/%c3%bcna/lab").status == 200
        assert set(json.loads(proxy.api("GET", "/api/routes").body)) == {"/", "/user/x@y.z", "/user/x@y.z/extra"}
        assert set(json.loads(proxy.api("GET", "/api/routes", hub="coast").body)) == {"/", "/user/üna"}
        assert ocean.api("POST", "/proxy").status == 200
        assert other.get(coast.host, "/user/%C3%BCna/api/status").status == 200
        assert ask(proxy.port, "/hub/login", host="elsewhere.localhost").status == 404
    finally:
        stop_servers(ocean, "x@y.z")
        stop_servers(coast, "üna")
    assert set(json.loads(proxy.api("GET", "/api/routes").body)) == {"/"}


def test_a_server_works_on_while_each_part_is_killed(two: tuple[Proxy, Hub, Hub]) -> None:
    """A person's real server answers while hub and routes are killed; the hub keeps it, and stops it later."""
    proxy, ocean, _ = two
    person = Person(proxy.port)
    person.sign_in(ocean.host, "ann")
    try:
        start_server(ocean, "ann")
        assert person.get(ocean.host, "/user/ann/lab").status == 200
        assert ocean.program and proxy.routes and proxy.haproxy
        proxy.routes.kill()
        assert person.get(ocean.host, "/user/ann/api/status").status == 200
        proxy.start_routes()
        ocean.program.kill()
        assert person.get(ocean.host, "/user/ann/static/favicons/favicon.ico").status == 200
        ocean.start()
        assert person.get(ocean.host, "/user/ann/api/status").status == 200
        proxy.haproxy.kill()
        proxy.start_haproxy()
        assert person.get(ocean.host, "/user/ann/api/status").status == 200
    finally:
        stop_servers(ocean, "ann")
    page = person.get(ocean.host, "/user/ann/lab")
    assert (page.status, "ann" in page.text) == (424, True)


def test_user_subdomains_work_with_jupyterhubs_own(make_proxy: MakeProxy, running: Programs) -> None:
    """With `subdomain_host` each person's server has its own host, and its page is the hub's when it is stopped."""
    proxy = make_proxy("ocean", each={"user_subdomains": True})
    more = f'c.JupyterHub.subdomain_host = "http://ocean.localhost:{proxy.port}"'
    hub = make_hub(running, proxy.settings, "ocean", more=more)
    hub.start()
    person = Person(proxy.port)
    person.sign_in(hub.host, "x@y.z")
    try:
        assert start_server(hub, "x@y.z").endswith("/user/x@y.z/")
        listed = json.loads(proxy.api("GET", "/api/routes").body)
        path = next(path for path in listed if path != "/")
        host = path.split("/")[1]
        assert path == f"/{host}/user/x@y.z"
        assert host.endswith(".ocean.localhost")
        lab = person.get(host, "/user/x@y.z/lab")
        assert (lab.status, "jupyter-config-data" in lab.text) == (200, True)
        assert hub.api("POST", "/proxy").status == 200
        assert set(json.loads(proxy.api("GET", "/api/routes").body)) == {"/", path}
    finally:
        stop_servers(hub, "x@y.z")
    assert person.get(host, "/user/x@y.z/lab").status == 424
