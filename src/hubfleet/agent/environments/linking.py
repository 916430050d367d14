"""Runs inside the builder's sandbox: installs a lock's conda packages at a prefix, with each one's hash looked at.

A program of its own, on the standard library and rattler alone: it gets JSON on its standard input and ends with
rattler's own error where it failed. No package's code is run: link scripts are off.
"""

import asyncio
import json
import os
import sys
from typing import Any


def main() -> None:
    """Do what standard input asks for."""
    told = json.load(sys.stdin)
    sys.path.append(told["site_packages"])
    asyncio.run(_install(told))
    # at once: rattler's threads may still be there, and one that meets the end of Python crashes it
    os._exit(0)


async def _install(told: dict[str, Any]) -> None:
    import rattler

    records = []
    for package in told["packages"]:
        # what else there is to know of a package is read from the package itself
        record = rattler.PackageRecord(
            name=package["name"],
            version=package["version"],
            build=rattler.BuildString(package["build"]),
            build_number=0,
            subdir=package["subdir"],
            sha256=bytes.fromhex(package["sha256"]),
        )
        records.append(rattler.RepoDataRecord(record, package["file_name"], package["url"], package["channel"]))
    await rattler.install(
        records,
        target_prefix=told["prefix"],
        cache_dir=told["cache"],
        installed_packages=[],
        execute_link_scripts=False,
        show_progress=False,
    )


if __name__ == "__main__":
    main()
