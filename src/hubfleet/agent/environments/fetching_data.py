"""Runs inside the builder's sandbox: fetches a data set's version and stores it as a commit.

It gets JSON on its standard input and writes JSON lines, `say` for each step, and last which commit it is, that the
address is no data set's (`git`), or why it is `refused`. It runs nothing of a data set.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    sys.path[:0] = told["paths"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (told["max_bytes"], told["max_bytes"]))
    from hubfleet.agent.environments.datasets.web import DataError

    try:
        answer: dict[str, object] = _answer(told)
    except DataError as error:
        answer = {"refused": {"message": _line(error.message), "hint": _line(error.hint)}}
    except OSError as error:
        answer = {"refused": {"message": "the data set cannot be stored", "hint": _line(error.strerror or str(error))}}
    _tell(answer)


def _answer(told: dict[str, Any]) -> dict[str, object]:
    from hubfleet.agent.environments.datasets import records
    from hubfleet.agent.environments.datasets.archives import Limits
    from hubfleet.agent.environments.datasets.gathering import Gathering
    from hubfleet.agent.environments.datasets.hosts import Host
    from hubfleet.agent.environments.datasets.storing import Store
    from hubfleet.agent.environments.datasets.web import DataError, Web

    store, exact = Store(Path(told["folder"])), told["commit"]
    if exact and store.has(exact):
        return {"commit": exact}
    web = Web(told["private_hosts"], told["max_bytes"])
    hosts = {name: Host(kind, api) for name, (kind, api) in told["hosts"].items()}
    found = records.find(web, told["address"], told["version"], hosts)
    if found is None:
        return {"git": True}
    version = f"{told['address']}\n{found.name}\n{found.at.isoformat()}"
    with store.locked():
        if not store.commit_of(version):
            say(f"fetching {found.name}, files: {len(found.files)}")
            limits = Limits(told["max_bytes"], told["max_files"])
            Gathering(store, web, limits, told["waits_s"], say).gather(found, version)
        commit = store.commit_of(version)
    if exact and exact != commit:
        raise DataError(
            f"the server has another version of {told['address']} by now",
            "build it again; the DOI of one version, where there is one, keeps to it",
        )
    return {"commit": commit}


def say(text: str) -> None:
    """Tell of a step."""
    _tell({"say": _line(text)})


def _tell(told: dict[str, object]) -> None:
    print(json.dumps(told), flush=True)  # noqa: T201 - read by the agent


def _line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:900]


if __name__ == "__main__":
    main()
