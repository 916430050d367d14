"""Runs hubfleet's own programs in the builder's sandbox, by the agent's own Python and with hubfleet's modules."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from hubfleet._kit.process import Finished
from hubfleet.agent.environments.workshop import Workshop

PACKAGES = ("hubfleet", "packaging", "ruamel.yaml")
"""All that such a program has of the agent's packages."""


async def run(
    workshop: Workshop,
    name: str,
    told: Mapping[str, object],
    *,
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
    network: bool = False,
    timeout_s: float,
    each_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a program, whatever its status.

    Args:
        workshop: has a sandbox.
        name: of a module beside this one.
        told: what it reads of its standard input, as JSON; `paths` is added, for its `sys.path`.
        reads: further files and folders that it sees.
        writes: folders that it may write.
        network: whether it sees the network.
        timeout_s: how long it may take.
        each_line: gets each line of its output as it comes.

    Raises:
        CommandError: it took too long, or cannot be started.
    """
    path = f"/run/hubfleet/{name}.py"
    return await workshop.run(
        [str(own_python()), "-I", "-S", path],
        environment={"HOME": "/tmp"},  # noqa: S108 - the sandbox's own
        reads=[*_own_prefix(), *(folder for _, folder in _packages()), *reads],
        writes=writes,
        texts={path: files("hubfleet.agent.environments").joinpath(f"{name}.py").read_text()},
        stdin=json.dumps({**told, "paths": sorted({str(root) for root, _ in _packages()})}),
        network=network,
        timeout_s=timeout_s,
        check=False,
        each_line=each_line,
    )


def last_line(done: Finished) -> str:
    """Return what a program said at last."""
    return (done.stderr.strip().splitlines()[-1:] or [f"status {done.status}"])[0][:500]


def own_python() -> Path:
    """Return the Python that the agent runs by, without what was installed into it."""
    return Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")


def _own_prefix() -> Sequence[Path]:
    prefix = Path(sys.base_prefix)
    return () if prefix.is_relative_to("/usr") else (prefix,)


@cache
def _packages() -> Sequence[tuple[Path, Path]]:
    """Return folders of packages, each after what it is imported from."""
    found = []
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None
        folder = Path(os.path.realpath(spec.origin)).parent
        found.append((folder.parents[name.count(".")], folder))
    return found
