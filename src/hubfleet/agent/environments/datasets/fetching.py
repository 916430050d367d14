"""Data sets as the builder sees them: versions that are stored as commits, by the builder's user in its sandbox."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hubfleet.agent.environments import programs
from hubfleet.agent.environments.datasets import hosts
from hubfleet.agent.environments.datasets.hosts import Host
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import BuildError, CommandError

MAX_BYTES = 4 * 1024**3
"""Of a data set, packed or not."""
MAX_FILES = 200_000
WAITS_S = (5.0, *[10.0] * 12)
"""How long a server may take to prepare an archive, look by look."""
_TIMEOUT_S = 900.0
_Line = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Refused(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: _Line
    hint: _Line


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    say: _Line = ""
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | Literal[""] = ""
    git: bool = False
    refused: _Refused | None = None


class DataSets:
    """Fetches data sets."""

    def __init__(self, workshop: Workshop, known: Mapping[str, Host], *, private_hosts: Sequence[str] = ()) -> None:
        """Make it.

        Args:
            workshop: runs the program that fetches.
            known: kinds of servers by their host, besides those that are known anyway.
            private_hosts: hosts that may be asked though their addresses are not public.
        """
        self._workshop = workshop
        self._hosts = {**hosts.KNOWN, **known}
        self._private_hosts = sorted(private_hosts)

    def may_have(self, address: str, *, token: str) -> bool:
        """Say whether an address may be a data set's; what needs a token is a git repository's.

        Raises:
            BuildError: it is a data set's, and there is a token.
        """
        if not hosts.may_be(address, self._hosts):
            return False
        if token and hosts.is_known(address, self._hosts):
            raise BuildError("a data set is fetched without a token", hint="leave the token out")
        return not token

    async def store(
        self, folder: Path, address: str, *, version: str, commit: str = "", say: Callable[[str], None]
    ) -> str:
        """Return the commit of a data set's version, stored in a folder; empty: the address is no data set's.

        Args:
            folder: a bare repository, or an empty folder for one; the builder's own.
            address: of the data set.
            version: as its server names it; `HEAD`: the newest.
            commit: the one that it has to be; empty: any.
            say: gets each step.

        Raises:
            BuildError: it cannot be had.
        """
        if self._workshop.bwrap is None:
            raise BuildError("fetching data sets needs a sandbox, which this cluster does without")
        told = {
            **{"folder": str(folder), "address": address, "version": version, "commit": commit},
            "private_hosts": self._private_hosts,
            "hosts": {name: (host.kind, host.api) for name, host in self._hosts.items()},
            **{"max_bytes": MAX_BYTES, "max_files": MAX_FILES, "waits_s": WAITS_S},
        }
        answers: list[_Answer] = []

        def hear(line: str) -> None:
            answer = _read(line)
            if answer.say:
                say(answer.say)
            else:
                answers.append(answer)

        try:
            done = await programs.run(
                self._workshop,
                "fetching_data",
                told,
                writes=[folder],
                network=True,
                timeout_s=_TIMEOUT_S,
                each_line=hear,
            )
        except CommandError as error:
            raise BuildError("the data set took too long to fetch", hint=error.message) from error
        if not answers:
            raise BuildError("the data set cannot be fetched", hint=programs.last_line(done))
        refused = answers[-1].refused
        if refused is not None:
            raise BuildError(refused.message, hint=refused.hint)
        return answers[-1].commit


def _read(line: str) -> _Answer:
    try:
        return _Answer.model_validate_json(line)
    except ValidationError as error:
        raise BuildError(
            "the data set cannot be fetched: what was fetched makes no sense",
            hint=f"{error.errors()[0]['msg'][:200]}; tell the operator",
        ) from error
