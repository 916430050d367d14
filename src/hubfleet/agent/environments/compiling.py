"""Compiling an environment's packages, so that no server's first import has to, without running any of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hubfleet.agent.environments.workshop import Workshop

_TIMEOUT_S = 1800.0


async def compile_all(
    workshop: Workshop,
    python: Path,
    library: Path,
    *,
    writes: Sequence[Path] = (),
    places: Mapping[Path, Path] | None = None,
) -> None:
    """Compile all modules below a folder; those that are not meant for this Python stay as they are.

    Args:
        workshop: runs Python.
        python: of the version that will import them.
        library: where they are.
        writes: as of `Workshop.run`.
        places: as of `Workshop.run`.

    Raises:
        CommandError: it took too long.
    """
    await workshop.run(
        # -S: lines of `.pth` files are code, and run at each other start of Python
        [str(python), "-I", "-S", "-m", "compileall", "-q", "-j", "0", str(library)],
        environment={"HOME": "/tmp"},  # noqa: S108 - the sandbox's own
        writes=writes,
        places=places,
        network=False,
        timeout_s=_TIMEOUT_S,
        check=False,
    )
