"""Runs inside a private sandbox: asks a package's build backend what it needs, or for a wheel (PEP 517).

A program of its own, on the standard library alone, by the Python of the environment that has the backend. It reads
JSON on its standard input, and writes its answer into a file: what it prints is the backend's.

https://packaging.python.org/en/latest/specifications/pyproject-toml/ has the hooks.
"""

import importlib
import json
import os
import sys
from functools import reduce
from pathlib import Path

ANSWER = "answer.json"


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    sys.path[:0] = [str(Path.cwd() / path) for path in told["backend_path"]]
    module, _, name = told["backend"].partition(":")
    backend = reduce(getattr, filter(None, name.split(".")), importlib.import_module(module))
    to = Path(told["to"])
    if told["wheel"]:
        backend.build_wheel(str(to))
        return
    asked = getattr(backend, "get_requires_for_build_wheel", list)
    (to / ANSWER).write_text(json.dumps([str(line) for line in asked()]))


if __name__ == "__main__":
    # old backends ask for a terminal's encoding and size; there is none
    os.environ.setdefault("COLUMNS", "100")
    main()
