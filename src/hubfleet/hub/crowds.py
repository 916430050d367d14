"""How many servers may run at once: with one repository's files, and of one person."""

from collections.abc import Iterable

from hubfleet.hub import failures
from hubfleet.model.hub import Hub
from hubfleet.model.repositories import same


def check(hub: Hub, repository: str, others: Iterable[str]) -> None:
    """Let one server more with a repository's files start, unless the hub's file says no.

    Args:
        hub: the hub with its settings.
        repository: its address; empty: the server has no repository's files.
        others: what the servers that run, or are about to, have instead of `repository`.

    Raises:
        StartError: with status 429, when there are as many as may be.
    """
    builds = hub.features.builds
    if builds is None or not builds.per_repository or not repository:
        return
    wanted = same(repository)
    if sum(same(other) == wanted for other in others if other) >= builds.per_repository:
        raise failures.StartError(
            f"{builds.per_repository} servers with this repository run already, as many as this hub allows",
            hint="try again when one of them has ended",
            reason="repository-limit",
            status_code=429,
        )


def check_person(hub: Hub, name: str, others: Iterable[str]) -> None:
    """Let one server more of a person start, unless the hub's file says no; those that are stopped do not count.

    Args:
        hub: the hub with its settings.
        name: the server's name; empty: the default one, of which there always may be one.
        others: the names of the person's other servers that run, or are about to.

    Raises:
        StartError: with status 429, when there are as many as may be.
    """
    running = sorted(other for other in others if other)
    if name and len(running) >= hub.named_servers:
        they = ", ".join(running)
        raise failures.StartError(
            f"you have {len(running)} servers with names running already, as many as this hub allows: {they}",
            hint="stop one of them on the page Home, then start this one again",
            reason="server-limit",
            status_code=429,
        )
