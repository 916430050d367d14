"""Environments to take away: a cluster writes them as other tools read them, the portal hands them on."""

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import ValidationError
from starlette.responses import Response

from hubfleet.errors import TemporaryError, UnreachableError
from hubfleet.model.content import Content
from hubfleet.portal.features.builds.agents import BuildAgent
from hubfleet.portal.features.builds.environments import Environments
from hubfleet.portal.people import Person
from hubfleet.protocol.exports import ExportFormat, ExportRequest
from hubfleet.records.entries import BuildEntry


class Exporting:
    """Hands environments on in other tools' forms."""

    def __init__(self, agents: Mapping[str, BuildAgent], environments: Environments) -> None:
        self._agents = agents
        self._environments = environments

    async def answer(self, person: Person, digest: str, asked: ExportFormat) -> Response:
        """Return a file to download.

        Raises:
            RefusedError: there is no such environment (404), or this format has no words for it (409).
            UnreachableError: no cluster answers just now.
        """
        entry = await self._environments.one(person, digest)
        build = await self._environments.origin(entry)
        request = ExportRequest(lock=entry.lock, format=asked, content=_content(build), private=build.private)
        found = await self._files(build.cluster, request)
        name = f"environment-{digest[:12]}"
        if asked is ExportFormat.CONTAINER:
            return download(_zipped(name, found, entry.created), f"{name}.zip", "application/zip")
        # these have names that their tools look for
        return download(found[asked].encode(), asked, "text/plain; charset=utf-8")

    async def _files(self, cluster: str, request: ExportRequest) -> Mapping[str, str]:
        """Ask the cluster where it was built, or another one where that is away or not the hub's any more."""
        away: TemporaryError | None = None
        for name in sorted(self._agents, key=lambda name: name != cluster):
            try:
                return (await self._agents[name].export(request)).files
            except TemporaryError as error:
                away = error
        raise away or UnreachableError("this hub has no cluster that could write it")


def _content(build: BuildEntry) -> Content | None:
    try:
        return Content(repository=build.repository, commit=build.commit)
    except ValidationError:
        return None


def _zipped(folder: str, files: Mapping[str, str], made: datetime) -> bytes:
    """Return an archive; the same files give the same bytes."""
    whole = io.BytesIO()
    at = made.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            about = zipfile.ZipInfo(f"{folder}/{name}", date_time=at)
            about.external_attr = 0o644 << 16
            archive.writestr(about, text, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def download(content: bytes, name: str, kind: str) -> Response:
    """Return an answer that browsers keep as a file."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type=kind, headers=headers)
