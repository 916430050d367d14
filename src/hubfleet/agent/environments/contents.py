"""Repositories' files at a commit, of which servers get copies: complete or absent, and read by servers only.

A private repository's files are kept under a key that only those learn who fetched them with its token.
"""

import asyncio
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hubfleet._kit.files import write_atomic
from hubfleet._kit.process import boot_id
from hubfleet.agent.environments import fetching
from hubfleet.agent.environments.repositories import Repositories
from hubfleet.errors import BuildError, LaunchError
from hubfleet.model.content import Content

_log = logging.getLogger(__name__)

AT_ONCE = 3
"""Repositories whose files are fetched at the same time."""
MARKER = "complete"
SETTLED = "settled"
"""In the marker of what is on the disk for sure; before that it names the machine's start (boot).

Never empty, as a file may be that was just written when the power failed.
"""
TREE = "tree"
_HIDDEN = "."


class Contents:
    """The files that one agent has fetched."""

    def __init__(self, folder: Path, repositories: Repositories) -> None:
        """Make it; nothing is fetched yet.

        Args:
            folder: where they are kept, apart for each hub.
            repositories: fetches them.
        """
        self._folder = folder
        self._repositories = repositories
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._one_at_a_time: dict[Path, asyncio.Lock] = {}
        self._settling: set[asyncio.Future[None]] = set()

    async def fetch(self, hub: str, content: Content, *, ref: str, token: str, say: Callable[[str], None]) -> Path:
        """Return the folder with a repository's files, fetched unless they are there.

        Args:
            hub: whose they are.
            content: what.
            ref: whole name of what the commit was asked for by, else the commit.
            token: for a private repository, else empty.
            say: gets each step.

        Raises:
            BuildError: they cannot be had.
        """
        place = self._place(hub, content)
        async with self._one_at_a_time.setdefault(place, asyncio.Lock()):
            if not _is_complete(place):
                async with self._slots:
                    say("fetching the repository's files")
                    await self._fetch(hub, place, content, ref, token=token, say=say)
            with suppress(OSError):
                os.utime(place / MARKER)
        return place / TREE

    async def tree(self, hub: str, content: Content) -> Path:
        """Return the folder with the files for a server that starts.

        Raises:
            LaunchError: they cannot be had (any more).
        """
        if content.key and not _is_complete(self._place(hub, content)):
            raise LaunchError(
                "the files of this private repository are not here any more", hint="build it again with its token"
            )
        try:
            return await self.fetch(hub, content, ref=content.commit, token="", say=_log.debug)
        except BuildError as error:
            raise LaunchError(error.message, hint=error.hint) from error

    async def settled(self) -> None:
        """Wait until all files are on the disk."""
        await asyncio.gather(*self._settling)

    async def _fetch(
        self, hub: str, place: Path, content: Content, ref: str, *, token: str, say: Callable[[str], None]
    ) -> None:
        making = await asyncio.to_thread(_prepare, place)
        try:
            await self._repositories.check_out(
                hub, making / TREE, content.repository, ref, content.commit, token=token, say=say
            )
            await asyncio.to_thread(_complete, making, place)
        finally:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)
        settling = asyncio.ensure_future(asyncio.to_thread(_settle, place))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)

    def _place(self, hub: str, content: Content) -> Path:
        told = "\0".join((content.repository, content.commit, content.key))
        return self._folder / hub / hashlib.sha256(told.encode()).hexdigest()[:32]


def script(tree: Path, name: str) -> str:
    """Return the path of a repository's `start` or `postBuild` in its files, where repo2docker looks; empty: none."""
    folder = next((name for name in fetching.FOLDERS if (tree / name).is_dir()), "")
    found = tree / folder / name
    try:
        own = found.is_file() and found.resolve().is_relative_to(tree.resolve())
    except (OSError, RuntimeError):
        # links that lead round in a ring
        return ""
    return str(found.relative_to(tree)) if own else ""


def _prepare(place: Path) -> Path:
    """Make a folder to work in, and remove what an earlier run left unfinished."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    for path in place.parent.glob(f"{_HIDDEN}{place.name}-*"):
        shutil.rmtree(path, ignore_errors=True)
    making = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{_HIDDEN}{place.name}-"))
    # nobody reads it here: a server gets just the tree, by a bind mount
    making.chmod(0o711)
    (making / TREE).mkdir()
    return making


def _complete(making: Path, place: Path) -> None:
    """Put files into their place; until they are on the disk for sure, they count up to the machine's end only."""
    (making / MARKER).write_text(boot_id())
    shutil.rmtree(place, ignore_errors=True)
    making.rename(place)


def _settle(place: Path) -> None:
    """Wait until files are on the disk, and say so beside them."""
    os.sync()
    with suppress(OSError):
        write_atomic(place / MARKER, SETTLED)


def _is_complete(place: Path) -> bool:
    try:
        return (place / MARKER).read_text() in {SETTLED, boot_id()}
    except OSError:
        return False
