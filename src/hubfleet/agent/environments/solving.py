"""Runs inside the builder's sandbox: chooses conda packages for what an environment.yml names, as of a date.

A program of its own, on the standard library and rattler alone: it gets JSON on its standard input and writes one line
of JSON, the packages or why there are none. It installs nothing and runs nothing of a package.
"""

import asyncio
import json
import os
import sys
from datetime import datetime, timedelta
from typing import Any

TIMEOUT_S = 300


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    sys.path.append(told["site_packages"])
    from rattler.exceptions import GatewayError, SolverError

    try:
        answer: dict[str, object] = {"packages": asyncio.run(_solve(told))}
    except SolverError as error:
        answer = {"unsolvable": str(error)}
    except GatewayError as error:
        answer = {"unreachable": str(error)}
    print(json.dumps(answer), flush=True)  # noqa: T201 - read by the agent
    # at once: rattler's threads may still be there, and one that meets the end of Python crashes it
    os._exit(0)


async def _solve(told: dict[str, Any]) -> list[dict[str, object]]:
    import rattler

    records = await rattler.solve(
        sources=[rattler.Channel(address) for address in told["channels"]],
        specs=told["specs"],
        gateway=rattler.Gateway(cache_dir=told["cache"]),
        platforms=[told["platform"], "noarch"],
        virtual_packages=rattler.VirtualPackage.detect(),
        timeout=timedelta(seconds=TIMEOUT_S),
        exclude_newer=datetime.fromisoformat(told["until"]) if told["until"] else None,
        # a channel's own word for others to ask is not the operator's
        channel_relations="disabled",
    )
    return [
        {
            "url": record.url,
            "name": record.name.normalized,
            "version": str(record.version),
            "build": str(record.build),
            "subdir": record.subdir,
            "file_name": record.file_name,
            "sha256": record.sha256.hex() if record.sha256 else "",
            "python": any(spec.split()[0] in {"python", "python_abi"} for spec in record.depends if spec.strip()),
        }
        for record in records
    ]


if __name__ == "__main__":
    main()
