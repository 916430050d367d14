"""Drafts with nothing wrong in them -> the model, with all that follows from what was written."""

from hubfleet.config.draft import Draft
from hubfleet.config.scene import Scene
from hubfleet.model.cluster import Cluster
from hubfleet.model.hub import Hub, HubFile


def clusters_of(scene: Scene) -> dict[str, Cluster]:
    """Return all clusters that are right."""
    return {
        name: Cluster.model_validate(
            {**dict(draft.settings), "name": name, "title": draft.settings.title or _titled(name)}
        )
        for name, draft in scene.clusters.items()
        if not draft.broken
    }


def hubs_of(scene: Scene) -> dict[str, Hub]:
    """Return all hubs that are right in themselves and run on a known cluster."""
    return {
        name: _hub(scene, draft)
        for name, draft in scene.hubs.items()
        if not draft.broken and draft.settings.sign_in is not None and scene.cluster_of(draft) in scene.clusters
    }


def _hub(scene: Scene, draft: Draft[HubFile]) -> Hub:
    said = draft.settings
    operators = scene.fleet.settings.operators
    title = said.title or _titled(draft.twin_of or draft.name)
    host = scene.host_of(draft)
    return Hub.model_validate(
        {
            **{_alias(key): value for key, value in said},
            "name": draft.name,
            "title": f"{title} (staging)" if draft.twin_of else title,
            "cluster": scene.cluster_of(draft),
            "servers_on": scene.servers_on(draft),
            "admins": tuple(dict.fromkeys((*said.admins, *operators))),
            "allow": said.allow.model_copy(update={"people": tuple(dict.fromkeys((*said.allow.people, *operators)))}),
            "user_subdomains": scene.user_subdomains(draft),
            "host": host,
            "url": _url(scene, scene.cluster_of(draft), host),
            "twin_of": draft.twin_of,
        }
    )


def _alias(key: str) -> str:
    return HubFile.model_fields[key].alias or key


def _url(scene: Scene, cluster: str, host: str) -> str:
    settings = scene.clusters[cluster].settings
    port = int(settings.listen.rpartition(":")[2])
    scheme, own_port = ("https", 443) if settings.https else ("http", 80)
    return f"{scheme}://{host}" if port == own_port else f"{scheme}://{host}:{port}"


def _titled(name: str) -> str:
    return name.replace("-", " ").title()
