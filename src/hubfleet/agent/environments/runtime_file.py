"""A runtime.txt: which Python, and as of when (`python-3.11`, `python-3.11-2024-05-01`). Pure.

Its form is repo2docker's: NAME-VERSION, NAME-VERSION-DATE or NAME-DATE
(https://repo2docker.readthedocs.io/en/latest/configuration/system/#runtime-txt-specifying-runtimes).
"""

import re
from datetime import date

from hubfleet.agent.environments import python_version
from hubfleet.errors import BuildError

NAME = "runtime.txt"
_FORM = re.compile(r"(?P<name>[A-Za-z]+)(?:-(?P<version>\d+(?:\.\d+){0,2}))?(?:-(?P<day>\d{4}-\d\d-\d\d))?", re.ASCII)


def parse(text: str, path: str, python: str) -> str:
    """Return the day up to which packages count, as YYYY-MM-DD; empty: it says none.

    Raises:
        BuildError: it asks for something else than the cluster's Python.
    """
    said = text.strip()
    form, hint = _FORM.fullmatch(said), "write it as python-3.11 or python-3.11-2024-05-01"
    if form is None or "-" not in said:
        raise BuildError(f"line 1 of {path}: {said[:80]!r} names no version", hint=hint)
    if form["name"] != "python":
        raise BuildError(
            f"line 1 of {path}: {said[:80]!r} cannot be had on this cluster yet", hint="only Python can be"
        )
    if form["version"]:
        python_version.check_exact(form["version"], python, f"line 1 of {path}")
    try:
        return date.fromisoformat(form["day"]).isoformat() if form["day"] else ""
    except ValueError as error:
        raise BuildError(f"line 1 of {path}: {form['day']} is no day", hint=hint) from error
