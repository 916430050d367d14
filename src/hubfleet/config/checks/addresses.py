"""Addresses: one for each hub, fit for DNS and for certificates, encrypted where others can listen."""

import ipaddress
from collections.abc import Iterator

from hubfleet.config.notice import Notice
from hubfleet.config.scene import Check, Finding, Scene
from hubfleet.errors import BadValueError


def each_hub_has_its_own_address(scene: Scene) -> Iterator[Finding]:
    """No two hubs share a host name, and none lies among another's user subdomains."""
    hosts: dict[str, str] = {}
    for hub in scene.hubs.values():
        host = scene.host_of(hub)
        if host in hosts:
            other = hosts[host]
            yield BadValueError(
                f"the hub {hub.name!r} has the address of {other!r}: {host}",
                hint=f"change `domain` of one; the other one is in {scene.hubs[other].where('domain')}",
                where=hub.where("domain"),
            )
        hosts.setdefault(host, hub.name)
    for hub in scene.hubs.values():
        parent = scene.host_of(hub).partition(".")[2]
        other = hosts.get(parent, "")
        if other and scene.user_subdomains(scene.hubs[other]):
            yield BadValueError(
                f"the address {scene.host_of(hub)} lies where people of {other!r} have theirs",
                hint="change `domain`, or switch `user_subdomains` off there",
                where=hub.where("domain"),
            )


def strangers_cannot_listen(scene: Scene) -> Iterator[Finding]:
    """Beyond loopback there is https."""
    for cluster in scene.clusters.values():
        if not cluster.sound("listen", "https") or cluster.settings.https is not None:
            continue
        address = cluster.settings.listen.rpartition(":")[0].strip("[]")
        if not ipaddress.ip_address(address).is_loopback:
            said = cluster.tree.at(("https",)) is not None
            yield BadValueError(
                f"`https` is {'off' if said else 'missing'}, but {address} can be reached from other machines",
                hint="add `https: {acme: MAIL}` or `{certificate: FILE, key: FILE}`, or listen on 127.0.0.1",
                where=cluster.where("https" if said else "listen"),
            )


def certificates_can_be_had(scene: Scene) -> Iterator[Finding]:
    """An authority signs public names only, and no wildcards by HTTP-01."""
    for hub in scene.hubs.values():
        cluster = scene.clusters.get(scene.cluster_of(hub))
        if cluster is None or cluster.settings.https is None or not cluster.settings.https.acme:
            continue
        host = scene.host_of(hub)
        if host.endswith(".localhost") or host == "localhost" or "." not in host:
            yield BadValueError(
                f"no authority signs a certificate for {host}",
                hint="set `domain` in fleet.yaml or in the hub's file to a name of the public DNS",
                where=hub.where("domain"),
            )
        elif hub.settings.user_subdomains:
            yield BadValueError(
                "user subdomains need a wildcard certificate, which ACME by HTTP-01 cannot give",
                hint=f"give one in clusters/{cluster.name}.yaml, `https: {{certificate: …, key: …}}`, or remove it",
                where=hub.where("user_subdomains"),
            )


def people_are_kept_apart(scene: Scene) -> Iterator[Finding]:
    """Where people of a hub share an address or ports, they must trust each other; that is said."""
    for hub in scene.hubs.values():
        if hub.sound("user_subdomains", "domain") and not scene.user_subdomains(hub) and not hub.twin_of:
            yield Notice(
                hub.where("user_subdomains"),
                "shared-origin",
                f"people of {hub.name!r} must trust each other's pages, since all are at {scene.host_of(hub)}",
                "with a wildcard certificate set `user_subdomains: true`",
            )
    for cluster in scene.clusters.values():
        if cluster.settings.network == "shared":
            yield Notice(
                cluster.where("network"),
                "shared-network",
                f"people on {cluster.name!r} can reach each other's ports",
            )


CHECKS: tuple[Check, ...] = (
    each_hub_has_its_own_address,
    strangers_cannot_listen,
    certificates_can_be_had,
    people_are_kept_apart,
)
