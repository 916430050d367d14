"""Runs inside the builder's sandbox: chooses conda packages for what an environment.yml names, as of a date.

A program of its own, on the standard library and rattler alone: it gets JSON on its standard input and writes one line
of JSON, the packages or why there are none. It installs nothing and runs nothing of a package.
"""

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.client import HTTPException
from ssl import SSLError
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

TIMEOUT_S = 300
REACH_TIMEOUT_S = 15


class AwayError(Exception):
    """A channel cannot be reached."""


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    sys.path.append(told["site_packages"])
    from rattler.exceptions import GatewayError, SolverError

    answer: dict[str, object]
    try:
        reach(told["channels"])
        answer = {"packages": asyncio.run(_solve(told))}
    except SolverError as error:
        answer = {"unsolvable": str(error)}
    except (GatewayError, AwayError) as error:
        answer = {"unreachable": str(error)}
    print(json.dumps(answer), flush=True)  # noqa: T201 - read by the agent
    # at once: rattler's threads may still be there, and one that meets the end of Python crashes it
    os._exit(0)


def reach(channels: list[str]) -> None:
    """Ask each channel for anything, at once: rattler would wait for minutes where a firewall drops what is sent."""
    with ThreadPoolExecutor(len(channels)) as threads:
        list(threads.map(_try, channels))


def _try(channel: str) -> None:
    try:
        urlopen(f"{channel}/noarch/repodata.json", timeout=REACH_TIMEOUT_S).close()  # noqa: S310 - the operator's own
    except HTTPError:
        # it answers; what it holds is rattler's to find out
        return
    except (URLError, TimeoutError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if not isinstance(reason, SSLError):
            raise AwayError(f"{channel}: {reason}") from error
    except (OSError, HTTPException):
        return


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
