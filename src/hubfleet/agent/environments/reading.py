"""Runs inside the builder's sandbox, without a network: reads what a repository's files ask for.

It gets JSON on its standard input and writes one line of JSON, what was understood or why it is refused. Unlike the
builder's other programs it has hubfleet's own modules, and of the agent's packages just `programs.PACKAGES`.
"""

import json
import subprocess  # noqa: TID251 - runs alone inside the sandbox
import sys
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hubfleet.agent.environments.specification import Fetched, Specification


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    sys.path[:0] = told["paths"]
    from hubfleet.agent.environments import detect
    from hubfleet.errors import BuildError

    answer: dict[str, object]
    try:
        here = detect.Here(told["python"], told["channels"], tuple(told["known_channels"]), told["platform"])
        export = partial(_exported, told["uv"], told["interpreter"])
        answer = {"read": _told(detect.specification(_fetched(told), here, export))}
    except BuildError as error:
        answer = {"refused": {"message": error.message, "hint": error.hint}}
    print(json.dumps(answer))  # noqa: T201 - read by the agent


def _fetched(told: dict[str, Any]) -> "Fetched":
    from hubfleet.agent.environments.specification import Fetched, SourceFile

    found = [
        SourceFile(item["path"], item["text"], datetime.fromisoformat(item["changed"]), included=item["included"])
        for item in told["files"]
    ]
    return Fetched(told["commit"], told["folder"], found, told["repository"])


def _told(specification: "Specification") -> dict[str, object]:
    """Return it with its files by path alone, which the agent has itself."""
    return {**asdict(specification), "files": specification.paths}


def _exported(uv: str, interpreter: str, lock: str, project: str) -> str:
    """Return a uv.lock as a pylock.toml, by uv itself: the groups that `uv sync` installs, and no extras.

    `--frozen` takes the lock as it is, so that nothing is resolved and no code of the project runs.
    """
    from hubfleet.errors import BuildError

    command = [uv, "export", "--frozen", "--offline", "--no-cache", "--no-config", "--quiet", "--no-header"]
    command += ["--no-emit-workspace", "--format", "pylock.toml", "--python", interpreter, "--color", "never"]
    with TemporaryDirectory() as folder:
        Path(folder, "uv.lock").write_text(lock)
        Path(folder, "pyproject.toml").write_text(project)
        variables = {"HOME": folder, "PATH": "/usr/bin:/bin", "UV_PYTHON_DOWNLOADS": "never"}
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=False)
        said = done.stderr.decode(errors="replace").replace(f"{folder}/", "")
    if done.returncode:
        raise BuildError("the uv.lock cannot be read", hint=" ".join(said.split())[:1000])
    return done.stdout.decode(errors="replace")


if __name__ == "__main__":
    main()
