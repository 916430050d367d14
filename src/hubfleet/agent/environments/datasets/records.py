"""From the address of a data set to its version, the date of that, and its files, as each kind of server tells them.

Runs inside the builder's sandbox. Sources: repo2docker's content providers for what people expect; the servers' own
documentation: https://www.doi.org/the-identifier/resources/factsheets/doi-resolution-documentation (handles),
https://inveniordm.docs.cern.ch/reference/rest_api_index/ (Zenodo), https://docs.figshare.com,
https://guides.dataverse.org/en/latest/api/native-api.html, https://docs.ckan.org/en/latest/api/.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlencode, urlsplit

from hubfleet.agent.environments.datasets.hosts import DATAVERSE_PAGES, Host, host_of
from hubfleet.agent.environments.datasets.web import DataError, MissingError, Web

NEWEST = "HEAD"
_FIGSHARE_DOI = re.compile(r"figshare\.(\d+)(?:\.v(\d+))?$")
_FIGSHARE_PAGE = re.compile(r"/articles/(?:[a-z_]+/)??[^/]+/(\d+)(?:/(\d+))?/?$")
_INVENIO_PAGE = re.compile(r"/(?:records?/|doi/10\.[^/]+/(?:zenodo\.)?)([A-Za-z0-9-]+)")


@dataclass(frozen=True)
class File:
    """One file of a data set."""

    path: str
    address: str
    md5: str = ""


@dataclass(frozen=True)
class Record:
    """One version of a data set."""

    name: str
    """What tells it from all other versions of all data sets of its server."""
    at: datetime
    """When this version was made."""
    files: list[File]
    unpacked: bool = False
    """Whether a single zip archive stands for what is in it."""
    inside: str = ""
    """Folder of the archive that counts; empty: all of it."""
    notes: tuple[str, ...] = ()
    prepared: bool = False
    """Whether the server may still be making the archive when it is asked for it."""


def find(web: Web, address: str, version: str, hosts: Mapping[str, Host]) -> Record | None:
    """Return what an address names; None: it is no data set's, and may be a git repository's.

    Args:
        web: asks.
        address: a DOI's or a data set's page.
        version: as its server names it, or `NEWEST`.
        hosts: kinds of servers by their host.

    Raises:
        DataError: it names nothing that can be had.
    """
    parts = urlsplit(address)
    host = host_of(parts, hosts)
    doi = ""
    if host and host.kind == "doi":
        doi = unquote(parts.path.strip("/"))
        parts = urlsplit(_target(web, host.api, doi))
        host = host_of(parts, hosts)
        if host is None or host.kind == "doi":
            raise DataError(
                f"{doi} leads to {parts.netloc or 'no web address'}, which is no server of data that is known here",
                "if it is one, the operator may name it: `data_hosts` in the cluster's file",
            )
    if host is None:
        return None
    try:
        return _KINDS[host.kind](web, host.api, parts, doi, "" if version == NEWEST else version)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, StopIteration) as error:
        raise DataError(
            f"{parts.netloc} says of this data set what makes no sense here", f"{type(error).__name__}: {error}"[:300]
        ) from error


def _target(web: Web, api: str, doi: str) -> str:
    try:
        said = web.json(f"{api}/{quote(doi)}")
    except MissingError as error:
        raise DataError(f"there is no DOI {doi}", "check its spelling") from error
    try:
        found = [str(urlsplit(item["data"]["value"]).geturl()) for item in said["values"] if item["type"] == "URL"]
    except (KeyError, TypeError, ValueError, AttributeError):
        found = []
    if not found:
        raise DataError(f"{doi} leads to no web address", "give the address of the data set's page")
    return found[0]


def _invenio(web: Web, api: str, parts: SplitResult, doi: str, version: str) -> Record:
    found = _INVENIO_PAGE.search(parts.path)
    if found is None:
        raise DataError(f"{parts.geturl()} is no record's page", "such as https://zenodo.org/records/NUMBER")
    if version:
        raise _no_versions(version)
    record = web.json(f"{api}/records/{found[1]}")
    entries = web.json(record["links"]["files"])["entries"]
    files = [
        File(item["key"], item["links"]["content"], _md5(str(item.get("checksum") or "").removeprefix("md5:")))
        for item in entries
    ]
    return Record(f"record {record['id']}", _date(record["created"]), files, unpacked=True)


def _figshare(web: Web, api: str, parts: SplitResult, doi: str, version: str) -> Record:
    found = _FIGSHARE_DOI.search(doi) or _FIGSHARE_PAGE.search(parts.path)
    if found is None:
        raise DataError(f"{parts.geturl()} is no article's page", "such as https://figshare.com/articles/NAME/NUMBER")
    article, wanted = found[1], version.removeprefix("v") or found[2]
    if not wanted:
        wanted = str(max(item["version"] for item in web.json(f"{api}/articles/{article}/versions")))
    told = web.json(f"{api}/articles/{article}/versions/{int(wanted)}")
    files = [
        File(item["name"], item["download_url"], _md5(item.get("computed_md5") or ""))
        for item in told["files"]
        if not item.get("is_link_only")
    ]
    single = len(files) == 1 and files[0].path.endswith(".zip")
    return Record(f"article {article} version {wanted}", _date(told["published_date"]), files, unpacked=single)


def _dataverse(web: Web, api: str, parts: SplitResult, doi: str, version: str) -> Record:
    named = parse_qs(parts.query).get("persistentId", [""])[0]
    if parts.path.startswith("/api/access/datafile/"):
        named = _of_file(web, f"{api}/api/files/{int(parts.path.split('/')[4])}?")
    if not named or not parts.path.startswith(DATAVERSE_PAGES):
        raise DataError(f"{parts.geturl()} is no data set's page", "give its DOI")
    try:
        told = _dataverse_version(web, api, named, version)
    except MissingError:
        # it may be the DOI of one of the files
        named = _of_file(web, f"{api}/api/files/:persistentId?{urlencode({'persistentId': named})}&")
        told = _dataverse_version(web, api, named, version)
    kept = [item for item in told["files"] if not item.get("restricted")]
    files = [
        File(
            "/".join(
                filter(None, [item.get("directoryLabel"), item["dataFile"].get("originalFileName") or item["label"]])
            ),
            # without this, tables come as Dataverse keeps them
            f"{api}/api/access/datafile/{int(item['dataFile']['id'])}?format=original",
        )
        for item in kept
    ]
    left_out = len(told["files"]) - len(kept)
    name = f"data set {named} version {told['versionNumber']}.{told['versionMinorNumber']}"
    notes = (f"{left_out} files are restricted, and left out",) if left_out else ()
    return Record(name, _date(told.get("releaseTime") or told["lastUpdateTime"]), files, notes=notes)


def _dataverse_version(web: Web, api: str, named: str, version: str) -> Any:
    query = urlencode({"persistentId": named})
    if version:
        number = quote(version.removeprefix("v"), safe="")
        return web.json(f"{api}/api/datasets/:persistentId/versions/{number}?{query}")["data"]
    return web.json(f"{api}/api/datasets/:persistentId?{query}")["data"]["latestVersion"]


def _of_file(web: Web, address: str) -> str:
    return str(web.json(f"{address}returnDatasetVersion=true")["data"]["datasetVersion"]["datasetPersistentId"])


def _hydroshare(web: Web, api: str, parts: SplitResult, doi: str, version: str) -> Record:
    found = re.search(r"/resource/([0-9a-f]{32})", parts.path)
    if found is None:
        raise DataError(f"{parts.geturl()} is no resource's page", "such as https://www.hydroshare.org/resource/ID")
    if version:
        raise _no_versions(version)
    told = web.json(f"{api}/hsapi/resource/{found[1]}/scimeta/elements")
    modified = next(item for item in told["dates"] if item["type"] == "modified")["start_date"]
    bag = File(f"{found[1]}.zip", f"{api}/django_s3/download/bags/{found[1]}.zip")
    inside = f"{found[1]}/data/contents"
    return Record(
        f"resource {found[1]} of {modified}", _date(modified), [bag], unpacked=True, inside=inside, prepared=True
    )


def _ckan(web: Web, api: str, parts: SplitResult, doi: str, version: str) -> Record | None:
    before, _, rest = parts.path.partition("/dataset/")
    api = api or f"{parts.scheme}://{parts.netloc}{before}/api/3/action"
    try:
        if web.json(f"{api}/status_show")["success"] is not True:
            return None
    except (DataError, KeyError, TypeError):
        return None
    if version:
        raise _no_versions(version)
    name, *more = [unquote(part) for part in rest.split("/")]
    activity = more[1] if len(more) > 1 and more[0] == "history" else ""
    asked = {"id": activity, "object_type": "package"} if activity else {"id": name}
    told = web.json(f"{api}/{'activity_data_show' if activity else 'package_show'}?{urlencode(asked)}")["result"]
    files: dict[str, File] = {}
    for item in told["resources"]:
        if item["url"]:
            path = unquote(urlsplit(item["url"]).path.rpartition("/")[2]) or item["id"]
            path = f"{item['id']}-{path}" if path in files else path
            files[path] = File(path, item["url"])
    modified = told["metadata_modified"]
    return Record(f"data set {name} of {modified}", _date(modified), list(files.values()))


_KINDS = {
    "invenio": _invenio,
    "figshare": _figshare,
    "dataverse": _dataverse,
    "hydroshare": _hydroshare,
    "ckan": _ckan,
}


def _date(text: str) -> datetime:
    """Return a date; servers that name no time zone mean UTC."""
    found = datetime.fromisoformat(text).replace(microsecond=0)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _md5(text: str) -> str:
    return text if re.fullmatch(r"[0-9a-fA-F]{32}", text) else ""


def _no_versions(version: str) -> DataError:
    return DataError(
        f"this data set has no version {version[:60]!r} by that name",
        "leave the version out, or give the one's own DOI",
    )
