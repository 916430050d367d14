"""The texts of a repository's files, for people who want to change a copy of them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from hubfleet.agent.environments.contents import Contents
from hubfleet.protocol.files import TextsRequest

TEXT_BYTES_MAX = 200_000
"""Of one file that a person would change."""


async def texts(contents: Contents, asked: TextsRequest) -> dict[str, str]:
    """Return what files say, by their paths; those that are no text, too long or not there are left out.

    Raises:
        LaunchError: the repository's files cannot be had (any more).
    """
    tree = await contents.tree(asked.hub, asked.content)
    return await asyncio.to_thread(_read, tree, asked.paths)


def _read(tree: Path, paths: Sequence[str]) -> dict[str, str]:
    root, found = tree.resolve(), {}
    for path in paths:
        try:
            place = (tree / path).resolve()
            within = place.is_relative_to(root) and ".git" not in place.relative_to(root).parts
            if not within or not place.is_file() or place.stat().st_size > TEXT_BYTES_MAX:
                continue
            found[path] = place.read_text("utf-8")
        except (OSError, RuntimeError, UnicodeDecodeError):
            # gone, links in a ring, or no text
            continue
    return found
