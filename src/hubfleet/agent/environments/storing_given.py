"""Runs inside the builder's sandbox: stores an archive that somebody brought as a commit.

It gets JSON on its standard input and writes one JSON line: the commit and what was left out, or why it is `refused`.
It runs nothing of an archive.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    sys.path[:0] = told["paths"]
    from hubfleet.agent.environments.datasets.web import DataError

    try:
        answer = _answer(told)
    except DataError as error:
        answer = {"refused": {"message": _line(error.message), "hint": _line(error.hint)}}
    except OSError as error:
        answer = {"refused": {"message": "the files cannot be stored", "hint": _line(error.strerror or str(error))}}
    print(json.dumps(answer), flush=True)  # noqa: T201 - read by the agent


def _answer(told: dict[str, Any]) -> dict[str, object]:
    from hubfleet.agent.environments.datasets import archives
    from hubfleet.agent.environments.datasets.archives import Limits
    from hubfleet.agent.environments.datasets.storing import Store
    from hubfleet.agent.environments.datasets.web import DataError

    store, version = Store(Path(told["folder"])), "given"
    archive = archives.opened(Path(told["archive"]))
    if archive is None:
        raise DataError("this is no zip archive", "put the files into one, such as by your desktop's menu")
    with archive, store.locked():
        packed, left_out = archives.listed(archive, Limits(told["max_bytes"], told["max_files"]))
        if not packed:
            raise DataError("the archive holds no files", "put the files into it, not just folders")
        cut = archives.without_single_folder([item.path for item in packed])
        with store.writing(version, told["title"], datetime.fromisoformat(told["at"])) as writing:
            for item in sorted(packed, key=lambda item: item.path):
                writing.packed(item.path[cut:], archive, item)
        commit = store.commit_of(version)
    return {"commit": commit, "left_out": [_line(what) for what in left_out[:20]]}


def _line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:900]


if __name__ == "__main__":
    main()
