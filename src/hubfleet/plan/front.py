"""What stands between people and hubs on one machine: the proxy, its routes, and certificates."""

import signal
from collections.abc import Iterable

from hubfleet.model.cluster import Cluster, Https
from hubfleet.model.fleet import Fleet
from hubfleet.model.program import HealthCheck, Program
from hubfleet.model.settings.acme import AcmeSettings
from hubfleet.model.settings.routes import Address, RoutedHub, RoutesSettings
from hubfleet.plan.actions import Resource, Value
from hubfleet.plan.machine import Machine, internal_address, isolated, program_of

USER = "proxy"
"""Who the proxy, routes and the program for certificates run as."""
GIVEN = "certificates/given"
"""Folder of the machine's data with a copy of the certificate that the cluster's file names."""
FETCHED = "certificates/acme"
"""Folder of the machine's data with certificates that were got by ACME."""
ACCOUNTS = "acme"
"""Folder of the machine's data with accounts at authorities, and what is known of each certificate."""


def front(fleet: Fleet, machine: Machine) -> Iterable[Resource]:
    """Return the resources, those first on which others rest."""
    cluster = next(iter(fleet.clusters.values()))
    settings = _settings(fleet, cluster, machine)
    hubs = ", ".join(f"{hub.name} at {hub.host}" for hub in fleet.hubs.values())
    tokens = tuple(f"routes/{hub.name}" for hub in fleet.hubs.values())
    yield Resource(
        kind="routes", name="", values={"hubs": hubs}, programs=(_routes(settings, cluster, machine),), secrets=tokens
    )
    values: dict[str, Value] = {"listen": cluster.listen, "https": "off", "hubs": hubs}
    if cluster.https is not None:
        values |= {"https": "on", "http_port": cluster.http_port}
    yield Resource(kind="proxy", name="", values=values, programs=(_proxy(settings, fleet, cluster, machine),))
    if cluster.https is not None and fleet.hubs:
        yield _certificates(fleet, cluster, cluster.https, machine)


def _settings(fleet: Fleet, cluster: Cluster, machine: Machine) -> RoutesSettings:
    hubs = tuple(
        RoutedHub.model_validate(
            {
                "name": hub.name,
                "host": hub.host,
                "user_subdomains": hub.user_subdomains,
                "token_file": f"{machine.data}/secrets/routes/{hub.name}",
                "internal": dict(zip(("address", "port"), internal_address(hub, machine, cluster), strict=True)),
            }
        )
        for hub in fleet.hubs.values()
    )
    return RoutesSettings.model_validate(
        {
            "listen": _listeners(cluster, machine),
            "hubs": hubs,
            "api": _loopback(machine, "routes"),
            "runtime_socket": f"{machine.data}/run/haproxy/runtime.sock",
            "state_folder": f"{machine.data}/routes",
            "proxy_folder": f"{machine.data}/proxy",
            "map_path": f"{machine.data}/routes/routes.map",
            "targets": [str(machine.network), "127.0.0.0/8"] if isolated(cluster, machine) else ["127.0.0.0/8"],
            "acme": _loopback(machine, "acme") if cluster.https and cluster.https.acme else None,
        }
    )


def _listeners(cluster: Cluster, machine: Machine) -> list[dict[str, object]]:
    own: dict[str, object] = {"address": cluster.address, "port": cluster.port}
    if cluster.https is None:
        return [own]
    own["https"] = {"certificates": f"{machine.data}/{FETCHED if cluster.https.acme else GIVEN}"}
    plain: dict[str, object] = {"address": cluster.address, "port": cluster.http_port}
    return [own, plain] if cluster.http_port else [own]


def _loopback(machine: Machine, use: str) -> Address:
    return Address.model_validate({"address": "127.0.0.1", "port": machine.ports[use]})


def _reads(cluster: Cluster) -> tuple[str, ...]:
    return (GIVEN,) if cluster.https and cluster.https.certificate else ()


def _writes(cluster: Cluster) -> tuple[str, ...]:
    return (FETCHED,) if cluster.https and cluster.https.acme else ()


def _routes(settings: RoutesSettings, cluster: Cluster, machine: Machine) -> Program:
    return program_of(
        machine,
        "routes",
        ("-m", "hubfleet.routes", "settings.json"),
        settings,
        user=USER,
        health=HealthCheck(url=f"http://{settings.api}/healthz"),
        writes=("routes", "run/haproxy", *_writes(cluster)),
    ).model_copy(update={"reads": ("secrets/routes", *_reads(cluster))})


def _proxy(settings: RoutesSettings, fleet: Fleet, cluster: Cluster, machine: Machine) -> Program:
    scheme = "http" if cluster.https is None else "https"
    proxy = program_of(
        machine,
        "proxy",
        ("-m", "hubfleet.routes.proxy", "settings.json"),
        settings,
        user=USER,
        health=HealthCheck(url=f"{scheme}://{cluster.listen}/", host="proxy.invalid"),
        # its runtime socket is for routes too, and its own to make
        writes=("proxy", "run/haproxy", *_writes(cluster)),
    )
    return proxy.model_copy(
        update={
            "reads": _reads(cluster),
            "reload_signal": int(signal.SIGUSR2),
            "keeps": ("settings.json",),
            "low_ports": any(listener.port < 1024 for listener in settings.listen),
            "after": tuple(f"agent-{name}" for name, item in fleet.clusters.items() if isolated(item, machine)),
        }
    )


def _certificates(fleet: Fleet, cluster: Cluster, https: Https, machine: Machine) -> Resource:
    """Return what gets certificates; of a given one, only the machine that has its file can tell the rest."""
    hosts = tuple(hub.host for hub in fleet.hubs.values())
    if https.certificate is not None:
        return Resource(kind="certificates", name="", values={"certificate": https.certificate, "key": https.key})
    settings = AcmeSettings.model_validate(
        {
            "mail": https.acme,
            "directory": https.acme_directory,
            "hosts": hosts,
            "listen": _loopback(machine, "acme"),
            "http_port": cluster.http_port,
            "certificates": f"{machine.data}/{FETCHED}",
            "state_folder": f"{machine.data}/{ACCOUNTS}",
        }
    )
    program = program_of(
        machine,
        "certificates",
        ("-m", "hubfleet.routes.acme", "settings.json"),
        settings,
        user=USER,
        health=HealthCheck(url=f"http://{settings.listen}/healthz"),
        writes=(FETCHED, ACCOUNTS),
    ).model_copy(update={"after": ("proxy",)})
    values: dict[str, Value] = {"mail": https.acme, "authority": https.acme_directory, "hosts": ", ".join(hosts)}
    return Resource(kind="certificates", name="", values=values, programs=(program,))
