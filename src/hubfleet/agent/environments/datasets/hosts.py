"""Which addresses may be a data set's: by a table of hosts, or by the form of the address. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

FIGSHARE_API = "https://api.figshare.com/v2"
DATAVERSE_PAGES = ("/dataset.xhtml", "/citation", "/file.xhtml", "/api/access/datafile/")
_GIT = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gist.github.com"})
"""Hosts that have no data sets, whatever their addresses look like."""
_APIS = {
    "doi": "https://{}/api/handles",
    "invenio": "https://{}/api",
    "figshare": FIGSHARE_API,
    "dataverse": "https://{}",
    "hydroshare": "https://{}",
    "ckan": "",
}


@dataclass(frozen=True)
class Host:
    """What a host speaks."""

    kind: str
    """A key of `records`, or `doi` for one that knows where DOIs lead."""
    api: str
    """Where; empty: it follows from the address."""


def host(name: str, kind: str, api: str = "") -> Host:
    """Return a host of a kind; its API is where such a server has it, unless it is given."""
    return Host(kind, api.rstrip("/") or _APIS[kind].format(name))


KNOWN: Mapping[str, Host] = {
    **{name: host("doi.org", "doi") for name in ("doi.org", "dx.doi.org", "www.doi.org")},
    "hdl.handle.net": host("hdl.handle.net", "doi"),
    **{name: host(name, "invenio") for name in ("zenodo.org", "sandbox.zenodo.org", "data.caltech.edu")},
    "figshare.com": host("figshare.com", "figshare"),
    **{name: host("www.hydroshare.org", "hydroshare") for name in ("www.hydroshare.org", "hydroshare.org")},
}


def host_of(parts: SplitResult, hosts: Mapping[str, Host]) -> Host | None:
    """Return what the host of an address may speak; None: it has no data sets, as far as is known."""
    name = str(parts.hostname or "")
    if name in hosts:
        return hosts[name]
    if name in _GIT or not name:
        return None
    if name.endswith(".figshare.com"):
        return host(name, "figshare")
    if parts.path.startswith(DATAVERSE_PAGES) and (parts.query or parts.path.startswith(DATAVERSE_PAGES[-1])):
        return Host("dataverse", f"{parts.scheme}://{parts.netloc}")
    return Host("ckan", "") if re.search(r"/dataset/[^/]", parts.path) else None


def may_be(address: str, hosts: Mapping[str, Host]) -> bool:
    """Say whether an address may be a data set's."""
    return host_of(urlsplit(address), hosts) is not None


def is_known(address: str, hosts: Mapping[str, Host]) -> bool:
    """Say whether the host of an address has nothing but data sets."""
    return urlsplit(address).hostname in hosts
