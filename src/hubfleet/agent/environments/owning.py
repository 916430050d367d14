"""Packages that a repository is itself, before versions are chosen: what builds them, and their wheels.

Their wheels say what they depend on, whichever build backend they have, so that the lock has all of it.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from hubfleet.agent.environments import locks
from hubfleet.agent.environments.conda import ChannelsAwayError
from hubfleet.agent.environments.contents import Contents
from hubfleet.agent.environments.own_packages import Recipe
from hubfleet.agent.environments.questions import BuiltOwn, Question
from hubfleet.agent.environments.resolve import Resolver
from hubfleet.agent.environments.software import Environments
from hubfleet.agent.environments.specification import REQUIREMENTS, Specification
from hubfleet.agent.environments.wheels import Wheel
from hubfleet.errors import BuildError, LaunchError
from hubfleet.model.content import Content
from hubfleet.protocol.builds import BuildRequest

_log = logging.getLogger(__name__)

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Source:
    """A repository whose own packages are wanted."""

    repository: str
    """Its address."""
    commit: str
    """The newest commit that touched anything but notebooks."""
    tree: Path
    """Its files, which differ from those of that commit in notebooks at most."""
    exact: Callable[[], Awaitable[Path]]
    """Returns the files of just that commit."""

    @classmethod
    async def of_build(cls, contents: Contents, request: BuildRequest, content: Content, code: str) -> "Source":
        """Return the source of a build.

        Args:
            contents: has its files.
            request: where they are from.
            content: these files.
            code: the newest commit that touched anything but notebooks.

        Raises:
            LaunchError: the files are not there any more.
        """

        async def exact() -> Path:
            wanted, token = content.model_copy(update={"commit": code}), request.token.get_secret_value()
            return await contents.fetch(request.hub, wanted, ref=code, token=token, say=_log.debug)

        return cls(request.repository, code, await contents.tree(request.hub, content), exact)


@dataclass(frozen=True)
class Owning:
    """Makes such packages for one build."""

    resolver: Resolver
    environments: Environments
    hub: str
    source: Source
    say: Say
    debian: str = ""
    """Lines of a lock for Debian packages that are seen meanwhile."""

    async def answered(self, question: Question) -> Question:
        """Return the question with the repository's own packages built.

        Raises:
            BuildError: one cannot be; names the file that says how.
        """
        try:
            return await self._answered(question)
        except LaunchError as error:
            raise BuildError(error.message, hint=error.hint) from error

    async def _answered(self, question: Question) -> Question:
        packages = self.environments.own
        wanted = [(self._own(item.folder), item.extras, item.where) for item in question.specification.own]
        recipes = {own: await packages.recipe(self.source.tree, own, where) for own, _, where in wanted}
        first = await self._tools(question, recipes)
        extra = {
            own: await self._more(own, recipe, first)
            for own, recipe in recipes.items()
            if not packages.kept(own, first)
        }
        tools = await self._tools(question, recipes, *extra.values()) if any(extra.values()) else first
        built = []
        for own, extras, _ in wanted:
            wheel = packages.kept(own, tools) or await self._build(own, recipes[own], tools)
            if tools != first and own in extra:
                packages.remember_more(own, first, extra[own])
            built.append(BuiltOwn(own, extras, wheel))
        return replace(question, own=built, tools=tools)

    def _own(self, folder: str) -> locks.Own:
        return locks.Own(self.source.repository, self.source.commit, folder)

    async def _tools(self, question: Question, recipes: dict[locks.Own, Recipe], *more: tuple[str, ...]) -> str:
        """Return the lock of what builds these packages; no sooner than they could run by this Python."""
        lines = [line for recipe in recipes.values() for line in recipe.requires]
        lines += [line for requires in more for line in requires]
        try:
            tools = await self.resolver.lock(self.hub, of_tools(question, tuple(dict.fromkeys(lines))))
            return locks.canonical(tools + self.debian)
        except ChannelsAwayError:
            # there may be another way
            raise
        except BuildError as error:
            named = ", ".join(sorted({recipe.file for recipe in recipes.values()}))
            raise BuildError(f"what builds {named} cannot be had: {error.message}", hint=error.hint) from error

    async def _more(self, own: locks.Own, recipe: Recipe, tools: str) -> tuple[str, ...]:
        await self.environments.tools(tools, self.say)
        return await self.environments.own.more(own, recipe, tools, self.source.tree)

    async def _build(self, own: locks.Own, recipe: Recipe, tools: str) -> Wheel:
        tree = await self.source.exact()
        await self.environments.tools(tools, self.say)
        return await self.environments.own.build(own, recipe, tools, tree, self.say)


def of_tools(question: Question, lines: tuple[str, ...]) -> Question:
    """Return what is asked for to build packages: these lines, beside what conda brings, as of the same time."""
    asked = question.specification
    first = replace(asked.files[0], path=REQUIREMENTS, text="")
    conda = replace(asked.conda, pip=lines) if asked.conda and question.wanted else None
    return replace(
        question,
        specification=Specification((first,), conda, requirements=() if conda else lines),
        until=max(question.until, _tools_of(question.python)) if question.until else None,
        stands_in=None,
        kernel=False,
    )


def _tools_of(python: str) -> datetime:
    """Return when build tools could run by a Python, half a year after it came out (PEP 602)."""
    return datetime(2012 + int(python.split(".")[1]), 4, 1, tzinfo=UTC)
