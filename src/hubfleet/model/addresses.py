"""What people paste for a repository, as the one address that is meant by it. Pure.

A data set's DOI is `https://doi.org/DOI`, in whatever form it was given.
"""

import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/[A-Za-z0-9._()/:-]+")
_DOI_HOSTS = frozenset({"doi.org", "dx.doi.org", "www.doi.org"})
_SSH_HOSTS = {
    **{
        name: name
        for name in ("github.com", "gist.github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht")
    },
    **{"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com", "altssh.bitbucket.org": "bitbucket.org"},
}
"""Hosts of which https has the same repositories, by their names for ssh."""
_SSH = re.compile(r"(?:ssh://)?(?:[\w.-]+@)?(?P<host>[\w.-]+)(?P<rest>:(?!//).*|/.*)", re.ASCII)
_NUMBERED = re.compile(r"/(?:articles|records?)/")


def canonical(text: str) -> str:
    """Return the address that is meant; what is of no known form stays as it is.

    Args:
        text: an address, or a DOI with or without what is put before it.

    Raises:
        ValueError: it is a DOI or a data set's page that cannot be meant, or only ssh has it.
    """
    plain = re.sub(r"^doi:\s*", "", text.strip(), flags=re.IGNORECASE)
    if re.match(r"10\.[^/]*/", plain):
        return _of_doi(plain)
    if re.match(r"ssh://|git@|[\w.-]+@[\w.-]+:", text.strip()):
        return _https_of(text.strip())
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("this is no web address") from None
    if parts.scheme not in {"http", "https"}:
        return text
    return _of_page(parts) or text


def _https_of(text: str) -> str:
    """Return where https has what an address for ssh means."""
    found = _SSH.fullmatch(text)
    host = _SSH_HOSTS.get(found["host"].lower()) if found else None
    # `HOST:PATH` is without a port, `ssh://HOST:PORT/PATH` may have one
    path = re.sub(r"^:\d+/" if text.startswith("ssh://") else "^:", "", found["rest"]) if found else ""
    path = path.strip("/").removesuffix(".git")
    if not host or not path:
        raise ValueError(
            "builds fetch by https, as they hold no ssh key: give the address that starts with https://, and a token "
            "where the repository is private"
        )
    return f"https://{host}/{path}"


def _of_page(parts: SplitResult) -> str:
    """Return what is meant by a page's address; empty: just that address."""
    if parts.hostname in _DOI_HOSTS:
        return _of_doi(unquote(parts.path.strip("/")))
    asked = parse_qs(parts.query)
    named = asked.get("persistentId", [""])[0]
    if named.startswith("doi:"):
        return _of_doi(named.removeprefix("doi:"))
    if named.startswith("hdl:") and re.fullmatch(r"[A-Za-z0-9._()/:-]+", named):
        return f"https://hdl.handle.net/{named.removeprefix('hdl:')}"
    if "/dataset/" in parts.path and list(asked) == ["activity_id"]:
        return parts._replace(path=f"{parts.path.rstrip('/')}/history/{asked['activity_id'][0]}", query="").geturl()
    return ""


def name_of(repository: str) -> str:
    """Return what people call a repository: `https://github.com/ann/waves.git` is `waves`; empty: nothing."""
    path = urlsplit(repository).path.rstrip("/")
    numbered = re.search(r"[^/]*[^/\d][^/]*(?:/\d+)+$", path) if _NUMBERED.search(path) else None
    # a number alone would tell nobody which data set it is
    return numbered[0].replace("/", "-") if numbered else path.rpartition("/")[2].removesuffix(".git")


def _of_doi(doi: str) -> str:
    if not _DOI.fullmatch(doi) or re.search(r"//|/\.{1,2}(/|$)", doi):
        raise ValueError("this is no DOI of a data set, such as 10.5281/zenodo.3242074")
    return f"https://doi.org/{doi}"
