"""How many servers may run with one repository's files at once, whoever they belong to."""

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
