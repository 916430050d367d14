"""Proves an environment: a server of the token's person starts with it, and a folder's notebooks run there to the end.

The folder's files go along, so that notebooks find what they read; they lie in a temporary folder of the server, and
nothing of them stays in the person's home.
"""

import base64
import io
import json
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from hubfleet.errors import ProofError, RefusedError
from hubfleet.model.base import Message
from hubfleet.plan.proof_server import ProofServer
from hubfleet.protocol.front_door import FrontDoor

SERVER = "hubfleet-proof"
START_S = 600.0
"""A cluster may have to make the environment first."""
FILES_MAX = 5000
BYTES_MAX = 50_000_000
PART_BYTES = 4_000_000

Tell = Callable[[str], None]


class Cell(Message):
    """One cell of a notebook (https://nbformat.readthedocs.io/en/latest/format_description.html)."""

    cell_type: str
    source: str | list[str] = ""
    metadata: dict[str, Any] = {}

    @property
    def code(self) -> str:
        """What it runs; empty: nothing."""
        text = self.source if isinstance(self.source, str) else "".join(self.source)
        return text if self.cell_type == "code" and "skip-execution" not in self.tags and text.strip() else ""

    @property
    def tags(self) -> Sequence[str]:
        """Its tags, of which `skip-execution` and `raises-exception` count."""
        found = self.metadata.get("tags")
        return found if isinstance(found, list) else ()


class Notebook(Message):
    """A notebook, as far as running it goes."""

    nbformat: int
    cells: list[Cell] = []
    metadata: dict[str, Any] = {}

    @property
    def language(self) -> str:
        """The language of its code."""
        info, spec = (self.metadata.get(name) or {} for name in ("language_info", "kernelspec"))
        return str(info.get("name") or spec.get("language") or "python").lower()


@dataclass(frozen=True)
class NotebookProof:
    """What to prove, where, and in whose name."""

    door: FrontDoor
    token: str
    folder: Path
    pattern: str = "**/*.ipynb"
    cell_s: float = 600.0
    """How long one cell may run."""

    def notebooks(self) -> Mapping[PurePosixPath, Notebook]:
        """Return the folder's notebooks that match the pattern, by their path in it.

        Raises:
            ProofError: one cannot be read, or is in a language whose kernels an environment does not have.
        """
        found = {}
        for path in sorted(self.folder.glob(self.pattern)):
            inside = PurePosixPath(path.relative_to(self.folder).as_posix())
            if _hidden(inside) or not path.is_file() or path.suffix != ".ipynb":
                continue
            found[inside] = _read(path, inside)
        return found

    def run(self, digest: str, profile: str, tell: Tell) -> int:
        """Run all notebooks with an environment, and return how many they were.

        Args:
            digest: the environment's name.
            profile: that the server has; empty: the hub's first.
            tell: called with each step.

        Raises:
            ProofError: a cell failed, or no server started.
            RefusedError: the token may not do this.
        """
        every = self.notebooks()
        archive = _packed(self.folder)
        server = self._server()
        tell("a server starts with the new environment")
        try:
            path, host = server.start({"environment": digest} | ({"profile": profile} if profile else {}))
            place = _Place(self.door, self.token, path, host, self.cell_s)
            folder = place.unpack(archive)
            for inside, notebook in every.items():
                tell(f"{inside} runs")
                place.run(folder, inside, notebook)
            place.remove(folder)
        finally:
            server.stop()
        return len(every)

    def _server(self) -> ProofServer:
        """Return a server beside the person's own; where the hub has none, their own, unless it runs."""
        user = self.door.call("GET", "/hub/api/user", token=self.token)
        if user.get("kind") != "user":
            raise ProofError("a service has no server", hint="give a token of a person, who may be one for this alone")
        named = ProofServer(self.door, self.token, str(user["name"]), SERVER, start_s=START_S)
        own = ProofServer(self.door, self.token, str(user["name"]), start_s=START_S)
        if _may_have_named(self.door, self.token, named.person):
            return named
        if own.state() is not None:
            raise ProofError(
                f"the server of {own.person} runs, and this hub has no named servers",
                hint="stop it, use a person of its own for proofs, or write `named_servers: 1` in the hub's file",
            )
        return own


@dataclass(frozen=True)
class _Place:
    """A server that runs."""

    door: FrontDoor
    token: str
    path: str
    host: str
    cell_s: float

    def unpack(self, archive: bytes) -> str:
        """Bring files there; return the folder that holds them."""
        name = f"hubfleet-proof-{secrets.token_hex(8)}.tgz"
        last = max(len(archive) - 1, 0) // PART_BYTES
        for number in range(last + 1):
            part = archive[number * PART_BYTES : (number + 1) * PART_BYTES]
            body: dict[str, Any] = {"type": "file", "format": "base64", "content": base64.b64encode(part).decode()}
            if last:
                # the contents API's own way to send large files; -1 is the last part
                body["chunk"] = -1 if number == last else number + 1
            self.door.call("PUT", f"{self.path}api/contents/{name}", token=self.token, host=self.host, body=body)
        code = (
            "import os, tarfile, tempfile\n"
            "folder = tempfile.mkdtemp()\n"
            f"with tarfile.open({name!r}) as archive:\n    archive.extractall(folder)\n"
            f"os.remove({name!r})\n"
            "print(folder)\n"
        )
        with_kernel = self._kernel()
        outputs = self._execute(with_kernel, code)
        self._end(with_kernel)
        wrong = _error(outputs)
        if wrong:
            raise ProofError(f"the repository's files cannot be put on the server: {wrong}")
        return "".join(str(output.get("text", "")) for output in outputs if output.get("name") == "stdout").strip()

    def run(self, folder: str, inside: PurePosixPath, notebook: Notebook) -> None:
        """Run one notebook in a kernel of its own, where it lies."""
        kernel = self._kernel()
        self._execute(kernel, f"import os\nos.chdir({str(PurePosixPath(folder) / inside.parent)!r})\ndel os")
        for number, cell in enumerate(notebook.cells, start=1):
            if not cell.code:
                continue
            wrong = _error(self._execute(kernel, cell.code))
            if wrong and "raises-exception" not in cell.tags:
                raise ProofError(
                    f"{inside}: cell {number} failed: {wrong}",
                    hint="start a server with this environment and run it by hand; the tag `raises-exception` lets it",
                )
        self._end(kernel)

    def remove(self, folder: str) -> None:
        """Remove what was brought."""
        kernel = self._kernel()
        self._execute(kernel, f"import shutil\nshutil.rmtree({folder!r}, ignore_errors=True)")
        self._end(kernel)

    def _kernel(self) -> str:
        body = {"name": "python3"}
        found = self.door.call("POST", f"{self.path}api/kernels", token=self.token, host=self.host, body=body)
        return str(found["id"])

    def _execute(self, kernel: str, code: str) -> list[dict[str, Any]]:
        channels = f"{self.path}api/kernels/{kernel}/channels"
        return self.door.execute(channels, code, token=self.token, host=self.host, timeout_s=self.cell_s)

    def _end(self, kernel: str) -> None:
        self.door.call("DELETE", f"{self.path}api/kernels/{kernel}", token=self.token, host=self.host)


def _may_have_named(door: FrontDoor, token: str, person: str) -> bool:
    """Ask for the end of a server that nobody has: where there are named ones, it is only not found."""
    try:
        door.call("DELETE", f"/hub/api/users/{person}/servers/{SERVER}", token=token, body={"remove": True})
    except RefusedError as error:
        if error.status not in {400, 404}:
            raise
        return error.status == 404
    return True


def _read(path: Path, inside: PurePosixPath) -> Notebook:
    try:
        notebook = Notebook.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise ProofError(f"{inside} cannot be read as a notebook", hint="open it in JupyterLab, and save it") from error
    if notebook.nbformat != 4:
        raise ProofError(f"{inside} has the old format {notebook.nbformat}", hint="open it in JupyterLab, and save it")
    if notebook.language != "python":
        raise ProofError(
            f"{inside} is in {notebook.language[:40]}, and only notebooks in Python can be run as a proof so far",
            hint="leave it out by a pattern, such as --notebooks 'python/*.ipynb'",
        )
    return notebook


def _packed(folder: Path) -> bytes:
    """Return a folder's files as a compressed archive; hidden ones, and links, are left out.

    Raises:
        ProofError: they are too many, or too large.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for count, (inside, path) in enumerate(_files(folder)):
            if count >= FILES_MAX or packed.tell() > BYTES_MAX:
                raise ProofError(
                    f"{folder} has more than {FILES_MAX} files, or {BYTES_MAX // 1_000_000} MB",
                    hint="prove a folder of it that holds the notebooks and what they read",
                )
            archive.add(path, arcname=str(inside), recursive=False)
    return packed.getvalue()


def _files(folder: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    for path in sorted(folder.rglob("*")):
        inside = PurePosixPath(path.relative_to(folder).as_posix())
        if not _hidden(inside) and path.is_file() and not path.is_symlink():
            yield inside, path


def _hidden(inside: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in inside.parts)


def _error(outputs: Sequence[Mapping[str, Any]]) -> str:
    for output in outputs:
        if output["output_type"] == "error":
            return f"{output.get('ename')}: {output.get('evalue')}"[:500]
    return ""
