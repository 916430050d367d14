"""Git repositories as the builder sees them: which commit a ref is, and the files an environment follows from.

Only the history and the files that are asked for are fetched, and only by the builder's user in its sandbox. A token is
a file that this sandbox alone sees; it is kept nowhere.
"""

import asyncio
import hashlib
import ipaddress
import json
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from hubfleet.agent.environments import submodules
from hubfleet.agent.environments.answers import Answer, Remembered
from hubfleet.agent.environments.datasets.fetching import DataSets
from hubfleet.agent.environments.datasets.hosts import Host
from hubfleet.agent.environments.fetching import MAX_TREE
from hubfleet.agent.environments.git_failures import failure
from hubfleet.agent.environments.given import Given
from hubfleet.agent.environments.specification import Fetched
from hubfleet.agent.environments.submodules import Wanted
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import BuildError, CommandError
from hubfleet.model.content import REPOSITORY
from hubfleet.protocol.files import GivenAnswer, GivenFiles

_TIMEOUT_S = 900.0
_MAX_BYTES = 4 * 1024**3
_PROGRAM = "/run/hubfleet/fetching.py"
_TOKEN = "/run/hubfleet/token"  # noqa: S105 - a path
_PORTS = {"https": 443, "http": 80}
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REF = re.compile(r"[A-Za-z0-9][\w./+@=#-]{0,250}")


class Repositories:
    """The repositories that one agent's builds have asked for."""

    def __init__(
        self,
        folder: Path,
        workshop: Workshop,
        *,
        private_hosts: Sequence[str] = (),
        data_hosts: Mapping[str, Host] | None = None,
    ) -> None:
        """Make it; nothing is fetched yet.

        Args:
            folder: where they are kept, apart for each hub.
            workshop: runs git.
            private_hosts: hosts that may be asked though their addresses are not public.
            data_hosts: kinds of servers of data by their host, besides those that are known anyway.
        """
        self._folder = folder
        self._workshop = workshop
        self._private_hosts = frozenset(private_hosts)
        self._datasets = DataSets(workshop, data_hosts or {}, private_hosts=private_hosts)
        self._one_at_a_time: dict[Path, asyncio.Lock] = {}
        self._remembered = Remembered()
        self._given = Given(workshop)

    async def fetch(
        self, hub: str, repository: str, ref: str, *, names: Sequence[str], token: str, say: Callable[[str], None]
    ) -> Fetched:
        """Ask for a commit and read its files.

        Args:
            hub: whose build it is.
            repository: its address, http or https; or a data set's, whose versions count as commits.
            ref: branch, tag or full commit; or the data set's version.
            names: files to look for, in binder/, .binder/ or the root.
            token: for a private repository, else empty.
            say: gets each step.

        Raises:
            BuildError: with what is wrong with the address, the ref, or the answer.
        """
        address = check_address(repository)
        check_ref(ref)
        folder = self._store(hub, repository)
        asked = {"folder": str(folder), "repository": repository, "names": list(names), "max_bytes": _MAX_BYTES}
        async with self._one_at_a_time.setdefault(folder, asyncio.Lock()):
            # a commit never means something else, and whoever may ask may know a public one
            found = self._remembered.public(folder, ref)
            if found:
                return found
            await asyncio.to_thread(self._prepare, folder)
            stored = await self._stored(folder, repository, ref, token=token, say=say)
            pins = [] if stored else await self._pins(address)
            asked |= {"ref": stored or ref, "stored": bool(stored), "pins": pins}
            answer = await self._run(folder, {**asked, "known": self._remembered.commits(folder)}, token, say)
            found = self._remembered.get(folder, answer.commit) if answer.known else None
            if found is None:
                found = _fetched(answer, repository, ref)
                self._remembered.keep(folder, found, public=not token)
            return replace(found, ref=answer.ref)

    async def give(self, files: GivenFiles, archive: bytes) -> GivenAnswer:
        """Keep what somebody brought, as the files of an address.

        Raises:
            BuildError: it cannot be taken.
            ConflictError: other files have this address.
        """
        store = self._store(files.hub, files.repository)
        async with self._one_at_a_time.setdefault(store, asyncio.Lock()):
            await asyncio.to_thread(self._prepare, store)
            return await self._given.put(store, files, archive)

    async def check_out(
        self, hub: str, folder: Path, repository: str, ref: str, commit: str, *, token: str, say: Callable[[str], None]
    ) -> None:
        """Write the files of a commit, with a history of just itself, into an empty folder.

        Args:
            hub: whose they are.
            folder: where; it becomes the builder's own.
            repository: its address, http or https.
            ref: whole name of what the commit was asked for by, which becomes the copy's branch; else the commit.
            commit: full hash.
            token: for a private repository, else empty.
            say: gets each step.

        Raises:
            BuildError: with what is wrong with the address, the commit, or the answer.
        """
        address = check_address(repository)
        check_ref(ref)
        asked = {"folder": str(folder), "repository": repository, "ref": ref, "whole": commit, "max_bytes": _MAX_BYTES}
        await asyncio.to_thread(self._workshop.give, folder)
        store = self._store(hub, repository)
        async with self._one_at_a_time.setdefault(store, asyncio.Lock()):
            await asyncio.to_thread(self._prepare, store)
            stored = await self._stored(store, repository, commit, token=token, say=say)
            asked |= {"store": str(store)} if stored else {"pins": await self._pins(address)}
        answer = await self._run(folder, asked, token, say, reads=[store] if stored else [])
        if answer.failed:
            raise failure(answer.failed, answer.detail, repository, ref)
        if answer.submodules:
            fetch = partial(self._check_out_inner, folder, say)
            await submodules.fetch_all(folder, repository, answer, token=token, fetch=fetch, say=say)

    async def _check_out_inner(self, whole: Path, say: Callable[[str], None], wanted: Wanted) -> Answer:
        """Check a submodule out, within the folder of the whole."""
        commit, address = wanted.commit, wanted.address
        asked = {"folder": str(wanted.folder), "repository": address, "ref": commit, "whole": commit}
        room = {"max_bytes": _MAX_BYTES - wanted.bytes_before, "max_files": MAX_TREE - wanted.files_before}
        pins = await self._pins(check_address(address))
        answer = await self._run(whole, {**asked, **room, "pins": pins}, wanted.token, say)
        if answer.failed and not submodules.not_to_be_had(answer):
            raise failure(answer.failed, answer.detail, address, commit)
        return answer

    async def _stored(self, folder: Path, repository: str, ref: str, *, token: str, say: Callable[[str], None]) -> str:
        """Return the commit that a ref of a data set, or of what somebody brought, is; empty: git knows the address."""
        given = await asyncio.to_thread(self._given.found, folder)
        if given is not None:
            if ref not in {"HEAD", "main", given.commit}:
                raise failure("ref", "", repository, ref)
            for what in given.left_out:
                say(f"left out: {what}")
            return given.commit
        if not self._datasets.may_have(repository, token=token):
            return ""
        exact = ref if _COMMIT.fullmatch(ref) else ""
        version = "HEAD" if exact else ref
        return await self._datasets.store(folder, repository, version=version, commit=exact, say=say)

    def _store(self, hub: str, repository: str) -> Path:
        return self._folder / hub / hashlib.sha256(repository.encode()).hexdigest()[:32]

    async def _run(
        self,
        folder: Path,
        asked: dict[str, object],
        token: str,
        say: Callable[[str], None],
        *,
        reads: Sequence[Path] = (),
    ) -> Answer:
        answers: list[Answer] = []

        def hear(line: str) -> None:
            answer = Answer.of(line)
            if answer.say:
                say(answer.say)
            else:
                answers.append(answer)

        program = files("hubfleet.agent.environments").joinpath("fetching.py").read_text()
        try:
            done = await self._workshop.run(
                [str(self._workshop.python), "-I", _PROGRAM],
                environment={},
                reads=reads,
                writes=[folder],
                texts={_PROGRAM: program, **({_TOKEN: token} if token else {})},
                stdin=json.dumps(asked),
                timeout_s=_TIMEOUT_S,
                check=False,
                each_line=hear,
            )
        except CommandError as error:
            raise BuildError("the repository took too long to fetch", hint=error.message) from error
        if not answers:
            last = done.stderr.strip().splitlines()[-1:] or [f"status {done.status}"]
            raise BuildError("the repository cannot be fetched", hint=last[0][:500])
        return answers[-1]

    def _prepare(self, folder: Path) -> None:
        for path in (self._folder, folder.parent):
            path.mkdir(parents=True, exist_ok=True, mode=0o711)
            path.chmod(0o711)
        folder.mkdir(exist_ok=True)
        self._workshop.give(folder)
        folder.chmod(0o700)

    async def _pins(self, address: SplitResult) -> list[str]:
        """Return which addresses the host has now, so that git asks just those that were judged here."""
        host, port = str(address.hostname), address.port or _PORTS[address.scheme]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            if any(name.lower() == f"{address.scheme}_proxy" for name in self._workshop.variables):
                return []
            raise BuildError(
                f"there is no host named {host!r}", hint="check the address; it may be misspelt"
            ) from error
        numbers = sorted({str(item[4][0]) for item in found})
        if host not in self._private_hosts:
            closed = [number for number in numbers if not ipaddress.ip_address(number.partition("%")[0]).is_global]
            if closed:
                raise BuildError(
                    f"{host!r} is at a private address, from which this cluster fetches nothing",
                    hint=f"the operator may allow it: `git_hosts: [{host}]` in the cluster's file",
                )
        shown = [f"[{number}]" if ":" in number else number for number in numbers]
        return [f"{host}:{port}:{','.join(shown)}"]


def check_address(repository: str) -> SplitResult:
    """Return the parts of an address from which git may fetch.

    Raises:
        BuildError: it is none, or holds a password.
    """
    try:
        parts = urlsplit(repository)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if len(repository) > 2000 or re.search(r"[\s\x00-\x1f\x7f]", repository):
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise BuildError(
            f"{repository[:200]!r} is not the address of a git repository",
            hint="give it as https://HOST/PATH; builds hold no ssh key",
        )
    if parts.username or parts.password:
        raise BuildError(
            "the address holds a user name or password", hint="give a token for a private repository in its own field"
        )
    if not re.match(REPOSITORY, repository):
        raise BuildError(
            f"{parts.hostname[:200]!r} is no host's name", hint="letters such as ü are written as xn--… in an address"
        )
    return parts


def check_ref(ref: str) -> None:
    """Refuse what can be no branch, tag or commit.

    Raises:
        BuildError: it is none.
    """
    if not _REF.fullmatch(ref) or ".." in ref or ref.endswith((".lock", "/", ".")) or "@{" in ref:
        raise BuildError(f"{ref[:200]!r} is no branch, tag or commit", hint="such as main, v1.2 or a full commit hash")


def _fetched(answer: Answer, repository: str, ref: str) -> Fetched:
    if answer.failed or not answer.commit:
        raise failure(answer.failed or "fetch", answer.detail, repository, ref)
    return answer.fetched(repository)
