"""Servers that fit: into their cluster, and into themselves."""

from collections.abc import Iterator

from hubfleet.config.notice import Notice
from hubfleet.config.scene import Check, Finding, Scene
from hubfleet.errors import BadValueError
from hubfleet.model.profile import Choice, Profile

LAB_MEMORY_GIB = 0.25
"""JupyterLab with one idle Python kernel uses about 0.2 GiB."""
IDLE_MINUTES_MIN = 10

_PAIRS = (("cpu_guarantee", "cpu"), ("memory_guarantee_gib", "memory_gib"))
_KEYS = ("cpu", "memory_gib")


def profiles_fit_their_clusters(scene: Scene) -> Iterator[Finding]:
    """No profile, and no choice of one, asks for more than a cluster where it may run gives."""
    for hub in scene.hubs.values():
        for name, profile in hub.settings.profiles.items():
            for cluster in profile.clusters or scene.servers_on(hub):
                if cluster not in scene.clusters:
                    continue
                ceilings = scene.clusters[cluster].settings.ceilings
                for path, holder in _sizes(name, profile):
                    for key in _KEYS:
                        asked, ceiling = getattr(holder, key), getattr(ceilings, key)
                        if asked is not None and 0 < ceiling < asked:
                            yield BadValueError(
                                f"`{key}: {asked:g}` of {'.'.join(path)!r} is above the {ceiling:g} of {cluster!r}",
                                hint=f"ask for less, or raise `ceilings: {{{key}: …}}` in clusters/{cluster}.yaml",
                                where=hub.where(*path, key),
                            )


def guarantees_fit_limits(scene: Scene) -> Iterator[Finding]:
    """No profile, and no choice laid over its profile, is guaranteed more than it may use."""
    for hub in scene.hubs.values():
        for name, profile in hub.settings.profiles.items():
            for path, holder in _sizes(name, profile):
                for guarantee, limit in _PAIRS:
                    promised, most = _laid_over(profile, holder, guarantee), _laid_over(profile, holder, limit)
                    own = getattr(holder, guarantee) is not None or getattr(holder, limit) is not None
                    if own and promised > most:
                        key = limit if getattr(holder, guarantee) is None else guarantee
                        yield BadValueError(
                            f"`{guarantee}: {promised:g}` is more than `{limit}: {most:g}`",
                            hint="a guarantee is at most the limit",
                            where=hub.where(*path, key),
                        )


def servers_have_enough_memory(scene: Scene) -> Iterator[Finding]:
    """A server below what JupyterLab itself needs would be killed at its start."""
    for hub in scene.hubs.values():
        for name, profile in hub.settings.profiles.items():
            for path, holder in _sizes(name, profile):
                if holder.memory_gib is not None and holder.memory_gib < LAB_MEMORY_GIB:
                    yield Notice(
                        hub.where(*path, "memory_gib"),
                        "little-memory",
                        f"{holder.memory_gib:g} GiB are less than JupyterLab itself needs ({LAB_MEMORY_GIB} GiB)",
                    )


def culling_is_slower_than_reports(scene: Scene) -> Iterator[Finding]:
    """Servers report activity every five minutes, so a shorter limit would stop those in use."""
    for hub in scene.hubs.values():
        minutes = hub.settings.culling.idle_minutes
        if 0 < minutes < IDLE_MINUTES_MIN:
            yield BadValueError(
                f"`culling.idle_minutes` is {minutes}, but servers report activity only every 5 minutes",
                hint=f"at least {IDLE_MINUTES_MIN}, or 0 for never",
                where=hub.where("culling", "idle_minutes"),
            )


def _sizes(name: str, profile: Profile) -> Iterator[tuple[tuple[str, ...], Profile | Choice]]:
    yield ("profiles", name), profile
    for option_name, option in profile.options.items():
        for choice_name, choice in option.choices.items():
            yield ("profiles", name, "options", option_name, "choices", choice_name), choice


def _laid_over(profile: Profile, holder: Profile | Choice, key: str) -> float:
    own: float | None = getattr(holder, key)
    below: float = getattr(profile, key)
    return below if own is None else own


CHECKS: tuple[Check, ...] = (
    profiles_fit_their_clusters,
    guarantees_fit_limits,
    servers_have_enough_memory,
    culling_is_slower_than_reports,
)
