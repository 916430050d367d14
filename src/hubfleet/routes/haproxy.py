"""HAProxy's configuration, from the settings: text in, text out. Works with HAProxy 2.6 and 2.8.

One frontend serves all hubs. It names each request by host and path as `hubfleet.routes.keys` does, finds the longest
matching route in the map that `hubfleet.routes` keeps, and sends the request to the address that it says. What nothing
owns gets a page of ours; nothing that a person sends can name another route than their own path's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from hubfleet.model.settings.routes import Https, Listener, RoutedHub, RoutesSettings
from hubfleet.routes.keys import LOOKED_AT_BYTES
from hubfleet.routes.pages import PAGES

ACTIVITY_TABLE = "activity"
"""The stick table in which HAProxy notes when each route was last used."""

ACTIVITY_KEPT_S = 24 * 24 * 3600
"""For how long it remembers: nearly the most that HAProxy can."""

_HTML = '"text/html; charset=utf-8"'


@dataclass(frozen=True)
class Machine:
    """What the machine, not the settings, says about a start of HAProxy."""

    as_root: bool = False
    max_connections: int = 2000


def render(settings: RoutesSettings, machine: Machine) -> str:
    """Return the text of haproxy.cfg."""
    parts = [
        _global(settings, machine),
        _defaults(settings),
        _public(settings),
        *(_internal(settings, hub) for hub in settings.hubs if hub.internal),
        *_backends(settings),
    ]
    return "\n".join(parts)


def render_files(settings: RoutesSettings, machine: Machine) -> Mapping[str, str]:
    """Return all files of the proxy folder by name, the configuration among them."""
    hosts = {hub.host for hub in settings.hubs}
    subdomains = {hub.host for hub in settings.hubs if hub.user_subdomains}
    return {
        "haproxy.cfg": render(settings, machine),
        "hosts.map": "".join(f"{host} {host}\n" for host in sorted(hosts)),
        "subdomains.map": "".join(f"{host} {host}\n" for host in sorted(subdomains)),
        **{f"{name}.html": html for name, html in PAGES.items()},
    }


def fallback_certificate(settings: RoutesSettings) -> str:
    """Return the path of the self-signed certificate that HTTPS listeners answer with where nothing fits."""
    return str(PurePosixPath(settings.proxy_folder) / "fallback.pem")


def _global(settings: RoutesSettings, machine: Machine) -> str:
    user = settings.user if machine.as_root else None
    group = settings.group or user
    owner = f" user {user} group {group}" if user else ""
    lines = [
        "global",
        "    log stdout format raw local0 info",
        f"    maxconn {min(machine.max_connections, settings.max_connections)}",
        f"    stats socket {settings.runtime_socket}{owner} mode 600 level admin",
        "    stats timeout 1m",
        "    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
        # websockets come over HTTP/1.1 then, which JupyterHub's parts are tested with
        "    h2-workaround-bogus-websocket-clients",
    ]
    if user:
        lines += [f"    user {user}", f"    group {group}", f"    chroot {settings.proxy_folder}/empty"]
    return _text(lines)


def _defaults(settings: RoutesSettings) -> str:
    statuses = {400: "bad-request", 404: "not-found", 405: "bad-request", 502: "broken", 503: "down", 504: "slow"}
    lines = [
        "defaults",
        "    mode http",
        "    log global",
        # no query strings: they may carry tokens
        '    log-format "%ci %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %tsc %HM %[var(txn.given)]%HPO"',
        "    option dontlog-normal",
        "    option dontlognull",
        "    option http-ignore-probes",
        "    option clitcpka",
        "    option srvtcpka",
        "    timeout connect 5s",
        "    timeout http-request 30s",
        "    timeout http-keep-alive 75s",
        "    timeout client 1h",
        "    timeout server 1h",
        "    timeout tunnel 24h",
        "    timeout client-fin 30s",
        "    retries 0",
        *(f"    http-error status {status} {_page(settings, page)}" for status, page in statuses.items()),
    ]
    return _text(lines)


def _public(settings: RoutesSettings) -> str:
    folder = settings.proxy_folder
    lines = [
        "frontend public",
        *(f"    bind {listener}{_tls(settings, listener)}" for listener in settings.listen),
        f"    maxconn {settings.max_connections}",
        *_refuse_malformed(),
        "    http-request set-var(txn.given) req.fhdr(host),lower",
        "    http-request set-var(txn.host) var(txn.given),field(1,:)",
        f"    http-request set-var(txn.hub) var(txn.host),map_str({folder}/hosts.map)",
        # a plain host of a hub is right as it is, and regular expressions cost time
        "    http-request deny deny_status 400 unless { var(txn.hub),strcmp(txn.given) eq 0 }"
        " || { var(txn.given) -m reg '^[a-z0-9._-]+(:[0-9]{1,5})?$' }",
        # the URI names a host too (HTTP/2, or an absolute URI): it must be the same
        "    http-request set-var(txn.authority) 'url,lower,regsub(^[a-z]*://,),regsub(/.*,)' unless { url -m beg / }",
        "    http-request deny deny_status 400 if { var(txn.authority) -m found }"
        " !{ var(txn.authority),strcmp(txn.given) eq 0 }",
        *_acme(settings, "http-request allow"),
        *_redirect_to_https(settings),
        *_own_forwarded(),
        "    http-request set-var(txn.parent) 'var(txn.host),regsub(^[^.]*[.],)' unless { var(txn.hub) -m found }",
        f"    http-request set-var(txn.hub) var(txn.parent),map_str({folder}/subdomains.map)"
        " unless { var(txn.hub) -m found }",
        "    http-request deny deny_status 404 unless { var(txn.hub) -m found }",
        '    http-request set-var-fmt(txn.key) "%[var(txn.host)]%[var(txn.path)]%%2F"',
        f"    http-request set-var(txn.route) var(txn.key),map_beg({settings.map_path})",
        # what no server or service owns is the hub's: on a user's subdomain too, where the hub sends people on
        '    http-request set-var-fmt(txn.root) "%[var(txn.hub)]%%2F" unless { var(txn.route) -m found }',
        f"    http-request set-var(txn.route) var(txn.root),map_beg({settings.map_path})"
        " unless { var(txn.route) -m found }",
        *_to_route(settings),
        *_spell_names_as_jupyterhub_does(),
        *_page_of_a_dead_server(),
        *_acme(settings, "use_backend acme"),
        "    use_backend %[var(txn.route),field(1,/)]-%[var(txn.route),field(4,/)]",
    ]
    return _text(lines)


def _internal(settings: RoutesSettings, hub: RoutedHub) -> str:
    lines = [
        f"frontend internal-{hub.name}",
        f"    bind {hub.internal}",
        f"    maxconn {settings.max_connections}",
        *_refuse_malformed(),
        "    http-request deny deny_status 404 unless { var(txn.path) -m beg %2Fhub%2F }",
        *_own_forwarded(),
        f"    http-request set-var(txn.route) str({hub.host}%2F),map_beg({settings.map_path})",
        *_to_route(settings),
        "    use_backend %[var(txn.route),field(1,/)]-%[var(txn.route),field(4,/)]",
    ]
    return _text(lines)


def _refuse_malformed() -> list[str]:
    """Refuse what two programs could read in two ways, and name the path as `keys` does."""
    return [
        "    http-request deny deny_status 405 if METH_CONNECT or METH_TRACE",
        "    http-request deny deny_status 400 unless { req.fhdr_cnt(host) eq 1 }",
        "    http-request deny deny_status 400 unless { path -m beg / }",
        f"    http-request set-var(txn.path) path,url_dec,bytes(0,{LOOKED_AT_BYTES}),url_enc",
        "    http-request deny deny_status 400 unless { var(txn.path) -m found }",
        "    http-request deny deny_status 400 if { var(txn.path) -m sub %2F. %5C. }"
        " { var(txn.path) -m reg '(%2F|%5C)[.][.]?(%2F|%5C|$)' }",
        "    http-request deny deny_status 400 if { var(txn.path) -m sub %00 }",
    ]


def _own_forwarded() -> list[str]:
    """Believe no one about where a request comes from; say it ourselves."""
    return [
        "    http-request del-header forwarded",
        *(f"    http-request del-header {name} -m beg" for name in ("x-forwarded", "x_forwarded")),
        *(f"    http-request del-header {name}" for name in ("x-real-ip", "x-scheme", "x-proxycontextpath")),
        "    http-request set-header X-Forwarded-For %[src]",
        "    http-request set-header X-Forwarded-Host %[req.fhdr(host)]",
        "    http-request set-header X-Forwarded-Proto http unless { ssl_fc }",
        "    http-request set-header X-Forwarded-Proto https if { ssl_fc }",
        "    http-request set-header X-Forwarded-Port %[dst_port]",
    ]


def _to_route(settings: RoutesSettings) -> list[str]:
    return [
        f"    http-request return status 503 {_page(settings, 'hub-down')} hdr Retry-After 10"
        " unless { var(txn.route) -m found }",
        f"    http-request track-sc0 var(txn.route),field(5,/) table {ACTIVITY_TABLE}",
        "    http-request set-dst var(txn.route),field(2,/)",
        "    http-request set-dst-port var(txn.route),field(3,/)",
    ]


def _spell_names_as_jupyterhub_does() -> list[str]:
    """Write a person's name in the path as their server expects it, which compares it letter by letter.

    Browsers may send `%40` for `@` and `%c3` for `%C3`; JupyterHub's own is `quote(name, safe="@~")`.
    """
    return [
        "    http-request set-var(txn.name) 'path,field(3,/),url_dec,url_enc,regsub(%40,@,g)'"
        " if { path -m beg /user/ } { path,field(3,/) -m sub % }",
        '    http-request set-path "/user/%[var(txn.name)]/%[path,field(4,/,0)]" if { var(txn.name) -m found }',
    ]


def _page_of_a_dead_server() -> list[str]:
    """Note where a person goes when their server is gone: the hub's page that says why."""
    return [
        "    http-request set-var(txn.port) 'var(txn.given),regsub(^[^:]*,)' if { var(txn.given) -m sub : }",
        "    http-request set-var(txn.gone) bool(true)"
        " if METH_GET { var(txn.route) -m beg server/ } { path -m beg /user/ } { req.hdr(accept) -m sub text/html }",
        *(
            f'    http-request set-var-fmt(txn.gone) "{scheme}://%[var(txn.hub)]%[var(txn.port)]/hub%[pathq]"'
            f" if {{ var(txn.gone) -m found }} {test}{{ ssl_fc }}"
            for scheme, test in (("http", "!"), ("https", ""))
        ),
    ]


def _acme(settings: RoutesSettings, rule: str) -> list[str]:
    if settings.acme is None:
        return []
    return [f"    {rule} if {{ path -m beg /.well-known/acme-challenge/ }}"]


def _redirect_to_https(settings: RoutesSettings) -> list[str]:
    secure = next((listener for listener in settings.listen if isinstance(listener.https, Https)), None)
    if secure is None:
        return []
    port = "" if secure.port == 443 else f":{secure.port}"
    return [
        f'    http-request redirect location "https://%[var(txn.host)]{port}%[pathq]" code 308 unless {{ ssl_fc }}',
        "    http-after-response set-header Strict-Transport-Security max-age=31536000 if { ssl_fc }",
    ]


def _tls(settings: RoutesSettings, listener: Listener) -> str:
    if not isinstance(listener.https, Https):
        return ""
    return f" ssl crt {fallback_certificate(settings)} crt {listener.https.certificates} alpn h2,http/1.1"


def _backends(settings: RoutesSettings) -> list[str]:
    transports = {"plain": "server to 0.0.0.0:0"}
    if settings.target_ca:
        transports["tls"] = f"server to 0.0.0.0:0 ssl verify required ca-file {settings.target_ca}"
    texts = [
        _text([f"backend {ACTIVITY_TABLE}", f"    stick-table type string len 17 size 200k expire {ACTIVITY_KEPT_S}s"])
    ]
    for name, server in transports.items():
        texts += [
            _text([f"backend hub-{name}", *_hold(settings), f"    {server}"]),
            _text([f"backend server-{name}", *_gone(settings), f"    {server}"]),
            _text([f"backend service-{name}", f"    {server}"]),
        ]
    if settings.acme:
        texts.append(_text(["backend acme", f"    server to {settings.acme}"]))
    return texts


def _hold(settings: RoutesSettings) -> list[str]:
    """Hold requests to a hub that restarts: HAProxy waits a second between two tries."""
    return [
        f"    retries {settings.hold_s}",
        "    retry-on conn-failure empty-response",
        # what was sent once must not be done twice
        "    http-request disable-l7-retry unless METH_GET",
        f"    http-error status 503 {_page(settings, 'hub-down')} hdr Retry-After 10",
    ]


def _gone(settings: RoutesSettings) -> list[str]:
    return [
        "    http-response del-header X-Hubfleet-Gone",
        f"    http-error status 503 {_page(settings, 'server-down')} hdr X-Hubfleet-Gone yes",
        "    http-after-response set-header Location %[var(txn.gone)]"
        " if { res.hdr(X-Hubfleet-Gone) -m found } { var(txn.gone) -m found }",
        "    http-after-response set-status 302 if { res.hdr(X-Hubfleet-Gone) -m found } { var(txn.gone) -m found }",
        "    http-after-response del-header X-Hubfleet-Gone",
    ]


def _page(settings: RoutesSettings, name: str) -> str:
    return f"content-type {_HTML} file {settings.proxy_folder}/{name}.html hdr Cache-Control no-store"


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
