"""A server of data sets on loopback that answers as the documentation of each kind says."""

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO
from urllib.parse import quote

Streaming = Callable[[IO[bytes]], None]


@dataclass
class Answer:
    """What is said at a path."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Streaming | None = None
    """Writes in place of the body."""


@dataclass
class DataServer:
    """A server and what it has."""

    port: int = 0
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    """By path and query; the last one stays."""
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def hosts(self) -> dict[str, dict[str, str]]:
        """What lets it stand for the hosts that people name."""
        return {
            "doi.org": {"kind": "doi", "api": f"{self.url}/api/handles"},
            "zenodo.org": {"kind": "invenio", "api": f"{self.url}/api"},
            "figshare.com": {"kind": "figshare", "api": f"{self.url}/v2"},
            "www.hydroshare.org": {"kind": "hydroshare", "api": self.url},
        }

    def say(self, path: str, told: object) -> None:
        """Answer with JSON."""
        self.answers[path] = [Answer(json.dumps(told).encode(), headers={"Content-Type": "application/json"})]

    def give(self, path: str, content: bytes) -> str:
        """Answer with a file, and return its address."""
        self.answers[path] = [Answer(content)]
        return f"{self.url}{path}"

    def doi(self, doi: str, target: str) -> None:
        """Let a DOI lead somewhere, as `GET /api/handles/DOI` says it."""
        values = [
            {"index": 1, "type": "URL", "data": {"format": "string", "value": target}, "ttl": 86400},
            {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {"handle": "10.admin/x"}}},
        ]
        self.say(f"/api/handles/{doi}", {"responseCode": 1, "handle": doi, "values": values})

    def zenodo(self, record: int, files: Mapping[str, bytes], *, created: str = "2024-06-01T12:00:00.5+00:00") -> str:
        """Publish a record, and return its DOI's address."""
        entries = [
            {
                "key": name,
                "size": len(content),
                "checksum": f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}",
                "links": {"content": self.give(f"/api/records/{record}/files/{quote(name)}/content", content)},
            }
            for name, content in files.items()
        ]
        self.say(f"/api/records/{record}/files", {"enabled": True, "entries": entries})
        links = {"files": f"{self.url}/api/records/{record}/files"}
        self.say(f"/api/records/{record}", {"id": record, "created": created, "links": links})
        self.doi(f"10.5281/zenodo.{record}", f"https://zenodo.org/records/{record}")
        return f"https://doi.org/10.5281/zenodo.{record}"

    def figshare(self, article: int, version: int, files: Mapping[str, bytes]) -> str:
        """Publish an article's version, and return the address of the DOI of all of them."""
        listed: list[dict[str, object]] = [
            {
                "id": number,
                "name": name,
                "size": len(content),
                "is_link_only": False,
                "download_url": self.give(f"/ndownloader/{article}/{version}/{number}", content),
                "computed_md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            }
            for number, (name, content) in enumerate(files.items())
        ]
        listed.append({"id": 99, "name": "elsewhere", "is_link_only": True, "download_url": "https://example.org/"})
        told = {"id": article, "version": version, "published_date": "2024-06-01T12:00:00Z", "files": listed}
        self.say(f"/v2/articles/{article}/versions/{version}", told)
        known = [{"version": number, "url": ""} for number in range(1, version + 1)]
        self.say(f"/v2/articles/{article}/versions", known)
        page = f"https://figshare.com/articles/dataset/waves/{article}"
        self.doi(f"10.6084/m9.figshare.{article}", page)
        self.doi(f"10.6084/m9.figshare.{article}.v{version}", f"{page}/{version}")
        return f"https://doi.org/10.6084/m9.figshare.{article}"

    def dataverse(self, name: str, files: Mapping[str, bytes], *, restricted: Mapping[str, bytes] | None = None) -> str:
        """Publish a data set, and return its DOI's address."""
        listed = []
        for number, (path, content) in enumerate([*files.items(), *(restricted or {}).items()], start=1):
            folder, _, label = path.rpartition("/")
            file = {"id": number, "filesize": len(content), "originalFileName": label} | {"persistentId": ""}
            self.give(f"/api/access/datafile/{number}?format=original", content)
            told = {"label": label.replace(".csv", ".tab"), "restricted": path not in files, "dataFile": file}
            listed.append(told | ({"directoryLabel": folder} if folder else {}))
        version = {"versionNumber": 1, "versionMinorNumber": 2, "releaseTime": "2024-06-01T12:00:00Z", "files": listed}
        named = quote(f"doi:{name}", safe="")
        self.say(
            f"/api/datasets/:persistentId?persistentId={named}",
            {"status": "OK", "data": {"id": 7, "latestVersion": version}},
        )
        self.say(
            f"/api/datasets/:persistentId/versions/1.2?persistentId={named}",
            {"status": "OK", "data": version},
        )
        self.doi(name, f"{self.url}/citation?persistentId=doi:{name}")
        of_file = {"status": "OK", "data": {"datasetVersion": {"datasetPersistentId": f"doi:{name}"}}}
        self.say("/api/files/1?returnDatasetVersion=true", of_file)
        one = quote(f"doi:{name}/ONE", safe="")
        self.say(f"/api/files/:persistentId?persistentId={one}&returnDatasetVersion=true", of_file)
        self.doi(f"{name}/ONE", f"{self.url}/file.xhtml?persistentId=doi:{name}/ONE")
        return f"https://doi.org/{name}"

    def hydroshare(self, resource: str, files: Mapping[str, bytes], *, prepares: int = 0) -> str:
        """Publish a resource whose archive is there after some looks, and return its page's address."""
        dates = [
            {"type": "created", "start_date": "2020-01-01T00:00:00.1Z"},
            {"type": "modified", "start_date": "2024-06-01T12:00:00.123456Z"},
        ]
        self.say(f"/hsapi/resource/{resource}/scimeta/elements", {"dates": dates})
        bag = {f"{resource}/bagit.txt": b"BagIt-Version: 0.97\n"}
        bag |= {f"{resource}/data/contents/{name}": content for name, content in files.items()}
        page = Answer(b"<html>The bag is being prepared.</html>")
        self.answers[f"/django_s3/download/bags/{resource}.zip"] = [page] * prepares + [Answer(zipped(bag))]
        return f"https://www.hydroshare.org/resource/{resource}"

    def ckan(self, name: str, files: Mapping[str, bytes]) -> str:
        """Publish a data set below a prefix, and return its page's address."""
        api = "/data/api/3/action"
        self.say(f"{api}/status_show", {"success": True, "result": {"site_title": "Open data"}})
        listed = [
            {"id": f"r{number}", "url": self.give(f"/data/resource/{number}/{quote(path)}", content)}
            for number, (path, content) in enumerate(files.items())
        ]
        told = {"metadata_modified": "2024-06-01T12:00:00.123456", "resources": [*listed, {"id": "x", "url": ""}]}
        self.say(f"{api}/package_show?id={name}", {"success": True, "result": told})
        self.say(
            f"{api}/activity_data_show?id=act-1&object_type=package",
            {"success": True, "result": told | {"metadata_modified": "2023-01-01T00:00:00"}},
        )
        return f"{self.url}/data/dataset/{name}"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return raw.getvalue()


@contextmanager
def data_server() -> Iterator[DataServer]:
    """Serve for the length of a block."""
    served = DataServer()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            waiting = served.answers.get(self.path, [Answer(b"{}", 404)])
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.stream is None:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if answer.stream is None:
                self.wfile.write(answer.body)
            else:
                answer.stream(self.wfile)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    served.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
