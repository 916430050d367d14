"""Which way an environment.yml goes: conda's channels, or PyPI where the hub says so or they cannot be reached.

The channels are asked anew in each build until they have answered once: what PyPI gave in their place is remembered as
PyPI's answer, never as theirs. A lock shows the way by its lines, each of which names its source; the way is no part of
it otherwise, so that the same packages are the same environment however they were asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hubfleet.agent.environments import locks
from hubfleet.agent.environments.conda import ChannelsAwayError
from hubfleet.agent.environments.layers import Layers
from hubfleet.agent.environments.owning import Owning
from hubfleet.agent.environments.questions import Question
from hubfleet.agent.environments.resolve import Resolver
from hubfleet.agent.environments.specification import Specification
from hubfleet.errors import BuildError
from hubfleet.protocol.builds import BuildRequest

Say = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """Versions that were chosen."""

    lock: str
    """Canonical text."""
    question: Question
    way: str = ""
    """What is to be said of the way, where conda was asked for and PyPI gave it."""


async def answer(
    resolver: Resolver, specification: Specification, request: BuildRequest, say: Say, owning: Owning | None = None
) -> Answer:
    """Choose versions, Debian's apart.

    Args:
        resolver: knows earlier answers.
        specification: what the repository asks for; some files.
        request: from which hub, as of when, and which way may be taken.
        say: gets what is done, for whoever asked.
        owning: builds the repository's own packages, where it asks for some.

    Raises:
        BuildError: there are none, or the way is closed.
    """
    if specification.conda is None:
        return await _asked(resolver, specification, request, say, owning, of_pypi=False)
    if request.conda == "pypi":
        return await _asked(resolver, specification, request, say, owning, of_pypi=True, way="as this hub has it")
    try:
        return await _asked(resolver, specification, request, say, owning, of_pypi=False)
    except ChannelsAwayError as error:
        if request.conda == "channels":
            raise
        say(f"conda's channels cannot be reached ({error.hint}): PyPI is asked in their place")
    way = "as conda's channels could not be reached"
    try:
        return await _asked(resolver, specification, request, say, owning, of_pypi=True, way=way)
    except BuildError as error:
        raise BuildError(f"conda's channels cannot be reached, and {error.message}", hint=error.hint) from error


async def debian(
    resolver: Resolver, layers: Layers, specification: Specification, request: BuildRequest, say: Say
) -> str:
    """Return lines of the lock for what a repository asks of Debian; empty: it asks for nothing.

    Raises:
        BuildError: it cannot be had, with apt's explanation.
    """
    if not specification.debian:
        return ""
    say(f"choosing Debian packages for {', '.join(item.name for item in specification.debian[:10])}")
    lines = await resolver.debian(request.hub, specification.debian, layers)
    say(f"{len(locks.debian_packages(lines))} Debian packages were chosen, the newest of {locks.debian_release(lines)}")
    return lines


async def _asked(
    resolver: Resolver,
    specification: Specification,
    request: BuildRequest,
    say: Say,
    owning: Owning | None,
    *,
    of_pypi: bool,
    way: str = "",
) -> Answer:
    question = resolver.question(specification, request.packages_until, of_pypi=of_pypi)
    for note in question.notes:
        say(note)
    if owning and specification.own:
        question = await owning.answered(question)
    say(f"choosing versions {_as_of(question)}{_source(question)}")
    lock = await resolver.lock(request.hub, question)
    count, of_conda = len(lock.splitlines()), len(locks.conda_packages(lock))
    say(f"{count} packages were chosen" + (f", {of_conda} of conda channels" if of_conda else ""))
    if question.own:
        lock = locks.with_own(lock, question.tools, [item.own for item in question.own])
    return Answer(lock, question, f"what it asks of conda was taken from PyPI, {way}" if way else "")


def _as_of(question: Question) -> str:
    return f"as of {question.until:%Y-%m-%d %H:%M} UTC" if question.until else "among the newest"


def _source(question: Question) -> str:
    if question.stands_in:
        return ", all from PyPI"
    return f", conda's from {', '.join(question.wanted.channels)}" if question.wanted else ""
