"""A repository's `postBuild`: runs without a network on private copies, and what it left is kept as data.

It sees a copy of the environment at the environment's own path, and a copy of the repository's files as its home. What
comes of it is an environment of its own: a folder with a changed `prefix`, and the `files` that servers get copies of.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

from hubfleet._kit.files import write_atomic
from hubfleet._kit.process import Finished
from hubfleet.agent.environments import contents, locks
from hubfleet.agent.environments.confined import (
    COPY_S,
    ENTRIES_MAX,
    Confined,
    Limits,
    Task,
    asked_for_the_network,
    last_words,
    remove,
)
from hubfleet.agent.environments.locks import PostBuild
from hubfleet.agent.environments.realise import MARKER, Builder, python_version, realisation_key
from hubfleet.agent.environments.realised import Realised
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.agent.homes.usage import used_bytes
from hubfleet.agent.launchers.sandbox import HOME
from hubfleet.errors import CommandError, LaunchError

NAME = "postBuild"
AT_ONCE = 2
_PROGRAM = "/run/hubfleet/keeping.py"
_ALLOWED = 'cp -a --reflink=auto "$1/." "$2" && cp -a --reflink=auto "$3/." "$4" && chmod u+x "$4/$5"'

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class PostBuilds:
    """Runs `postBuild` on this machine."""

    builder: Builder
    limits: Limits = field(default_factory=Limits)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def make(self, digest: str, lock: str, tree: Path, base: Path, say: Say) -> Path:
        """Make the environment of a lock with a `postBuild`; the one of its packages alone is there.

        Args:
            digest: the lock's.
            lock: canonical text.
            tree: the repository's files at the commit that the lock names.
            base: the base software, whose programs come last.
            say: gets each step's name.

        Raises:
            LaunchError: it failed, with what it said at last.
        """
        wanted = locks.post_build(lock)
        assert wanted is not None
        if self.builder.workshop.bwrap is None:
            raise LaunchError("a postBuild cannot be run on this cluster: it has no sandbox for it")
        plain = self.builder.use(locks.digest(locks.without_post_build(lock)))
        await say("waiting for its turn")
        async with self.turns:
            with ExitStack() as held:
                working = await asyncio.to_thread(self._confined.prepare, held, ("prefix", "result"))
                try:
                    seen = self.builder.with_layer(lock)
                    note = await self._run(working, plain, tree, base, say, workshop=seen)
                    await self._keep(working, plain, tree)
                    return await asyncio.to_thread(self._complete, working, digest, wanted, plain, note)
                except CommandError as error:
                    raise LaunchError(f"{NAME} cannot be run: {error.message}", hint=error.hint) from error
                finally:
                    await asyncio.to_thread(remove, working)

    @property
    def _confined(self) -> Confined:
        return Confined(self.builder.workshop, self.builder.folder.parent / "post-builds", self.limits)

    async def _run(self, working: Path, plain: Path, tree: Path, base: Path, say: Say, *, workshop: Workshop) -> str:
        """Run it, and return what is to be said of it."""
        script = await asyncio.to_thread(contents.script, tree, NAME)
        if not script:
            raise LaunchError(f"the repository has no {NAME} at this commit")
        await say("copying the environment")
        copied = [str(plain), str(working / "prefix"), str(tree), str(working / "home"), script]
        await replace(self.builder.workshop, variables={}).run(
            ["/bin/sh", "-c", _ALLOWED, "sh", *copied],
            environment={},
            reads=[plain, tree],
            writes=[working / "prefix", working / "home"],
            network=False,
            timeout_s=COPY_S,
        )
        await say(f"running {script}")
        task = Task(
            script,
            [f"./{script}"],
            path=f"{plain}/bin:{base}/bin:/usr/local/bin:/usr/bin:/bin",
            variables=_variables(plain),
            reads=[base],
            places={plain: working / "prefix"},
        )
        done = await replace(self._confined, workshop=workshop).run(working, task)
        away = asked_for_the_network(done)
        if done.status:
            raise _failed(script, done, away=away)
        return f"{script} tried to reach the network, which it does not see" if away else ""

    async def _keep(self, working: Path, plain: Path, tree: Path) -> None:
        """Take what it left as data: nothing of it runs any more."""
        program = files("hubfleet.agent.environments").joinpath("keeping.py").read_text()
        told = {"prefix": str(working / "prefix"), "plain": str(plain), "home": str(working / "home")}
        told |= {"tree": str(tree), "to": str(working / "result"), "marker": MARKER}
        held = await asyncio.to_thread(used_bytes, working)
        done = await self.builder.workshop.run(
            [str(self.builder.workshop.python), "-I", _PROGRAM],
            environment={},
            # one bind for both, since hard links do not cross mounts
            writes=[Path(os.path.commonpath([working, plain]))],
            reads=[tree],
            texts={_PROGRAM: program},
            stdin=json.dumps({**told, "max_bytes": held + self.limits.disk_bytes, "max_entries": ENTRIES_MAX}),
            network=False,
            timeout_s=COPY_S,
            check=False,
        )
        if done.status:
            said = (done.stdout or done.stderr).strip().splitlines()[-1:] or ["it cannot be read"]
            raise LaunchError(f"what {NAME} left cannot be kept", hint=said[0][:500])

    def _complete(self, working: Path, digest: str, wanted: PostBuild, plain: Path, note: str) -> Path:
        result = working / "result"
        if not os.path.lexists(result / "prefix" / "bin" / "python"):
            raise LaunchError(f"what {NAME} left is no environment: there is no Python in it")
        Realised.write(result, seen_at=plain, repository=wanted.repository, commit=wanted.commit, note=note)
        if self.builder.workshop.uid is not None:
            os.chown(result, 0, 0)
        # servers see its parts by bind mounts, and nobody else needs to
        result.chmod(0o700)
        write_atomic(result / MARKER, digest + "\n")
        os.sync()
        place = self.builder.folder / realisation_key(digest, python_version(self.builder.workshop.python))
        if place.exists():
            # without its marker it was never complete
            remove(place)
        return result.rename(place)


def _variables(plain: Path) -> dict[str, str]:
    conda = {"CONDA_PREFIX": str(plain)} if (plain / "conda-meta").is_dir() else {}
    return {
        # as repo2docker calls them
        "REPO_DIR": str(HOME),
        "NB_PYTHON_PREFIX": str(plain),
        **conda,
    }


def _failed(script: str, done: Finished, *, away: bool) -> LaunchError:
    said = last_words(done)
    how = f"{script} ended with status {done.status}"
    if away:
        return LaunchError(
            f"{how}: it tried to reach the network, which it does not see",
            hint="name packages (those of JupyterLab too) in requirements.txt or environment.yml, and fetch data in a "
            f"notebook or keep it in the repository; it said: {said}",
        )
    return LaunchError(how, hint=f"it said: {said}" if said else "it said nothing")
