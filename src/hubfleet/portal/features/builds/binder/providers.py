"""BinderHub's names for repositories: from `gh/user/repo/ref` to an address and a ref. Pure.

https://binderhub.readthedocs.io/en/latest/developer/repoproviders.html has the forms.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from hubfleet.errors import RefusedError
from hubfleet.model.addresses import canonical

COMMIT = re.compile(r"[0-9a-f]{40}")
NEWEST = "HEAD"
_NEWEST = frozenset({"", NEWEST, "master", "main"})


@dataclass(frozen=True)
class Source:
    """A repository as a link of BinderHub's names it."""

    provider: str
    spec: str
    """What follows the provider in the link, as it was sent."""
    repository: str
    ref: str

    place: str
    """The part of `spec` that names the repository."""

    @property
    def request(self) -> str:
        """Return the link's own path, such as `v2/gh/user/repo/ref`."""
        return f"v2/{self.provider}/{self.spec}"

    def at(self, commit: str) -> str:
        """Return the path that names just this commit for good; a data set's is its own."""
        if not PROVIDERS[self.provider].refs:
            return self.request
        return f"v2/{self.provider}/{self.place}/{commit}"


@dataclass(frozen=True)
class Provider:
    """One kind of repository, and what its form asks."""

    name: str
    title: str
    repository_label: str
    placeholder: str
    detect: str = ""
    """Regular expression with a group `repo` for addresses of this kind."""
    escaped: bool = False
    """Whether the repository's part of a link is percent-encoded."""
    spec: str = ".+/.+"
    refs: bool = True
    """Whether a link names a branch, tag or commit; else the repository's part is all of it."""

    def display(self) -> dict[str, object]:
        """Return what BinderHub's pages are told of it (`/api/repoproviders`)."""
        told: dict[str, object] = {
            "id": self.name,
            "displayName": self.title,
            "enabled": True,
            "spec": {"validateRegex": self.spec},
            "repo": {"label": self.repository_label, "placeholder": self.placeholder, "urlEncode": self.escaped},
            "ref": {"enabled": True, "default": "HEAD"} if self.refs else {"enabled": False},
        }
        return told | ({"detect": {"regex": self.detect}} if self.detect else {})


_DOI = r"10\.\d+\/(.)+"

PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider(
            "gh",
            "GitHub",
            "GitHub repository name or URL",
            "example: yuvipanda/requirements or https://github.com/yuvipanda/requirements",
            detect=r"^(https?://github.com/)?(?<repo>.*[^/])/?",
            spec=r"[^/]+/[^/]+/.+",
        ),
        Provider(
            "gl",
            "GitLab.com",
            "GitLab.com repository or URL",
            "example: mosaik/examples/mosaik-tutorials-on-binder",
            detect=r"^(https?://gitlab.com/)?(?<repo>.*[^/])/?",
            escaped=True,
        ),
        Provider(
            "gist",
            "GitHub Gist",
            "Gist ID (username/gistId) or URL",
            "",
            detect=r"^(https?://gist.github.com/)?(?<repo>.*[^/])/?",
            spec=r"[^/]+/[^/]+(/[^/]+)?",
        ),
        Provider("git", "Arbitrary Git repository", "Arbitrary git repository URL", "", escaped=True),
        Provider("zenodo", "Zenodo DOI", "Zenodo DOI", "example: 10.5281/zenodo.3242074", spec=_DOI, refs=False),
        Provider(
            "figshare", "FigShare DOI", "FigShare DOI", "example: 10.6084/m9.figshare.9782777.v1", spec=_DOI, refs=False
        ),
        Provider("dataverse", "Dataverse DOI", "Dataverse DOI", "example: 10.7910/DVN/TJCLKP", spec=_DOI, refs=False),
        Provider(
            "hydroshare",
            "Hydroshare resource",
            "Hydroshare resource id",
            "example: 8f7c2f0341ef4180b0dbe97f59130756",
            escaped=True,
            spec="[^/]+",
            refs=False,
        ),
        Provider(
            "ckan",
            "CKAN dataset",
            "CKAN dataset URL",
            "https://demo.ckan.org/dataset/my-sample-dataset-001",
            escaped=True,
            spec="[^/]+",
            refs=False,
        ),
    )
}


def source(provider: str, spec: str) -> Source:
    """Return what a link names.

    Args:
        provider: such as `gh`.
        spec: what follows it in the link, percent-encoded as it was sent.

    Raises:
        RefusedError: 404 for a provider that is not known, 400 for what it cannot read.
    """
    if provider not in PROVIDERS:
        raise RefusedError(
            f"no provider of repositories is called {provider[:40]!r}",
            status=404,
            hint=f"known: {', '.join(sorted(PROVIDERS))}",
        )
    if not re.fullmatch(PROVIDERS[provider].spec, spec):
        raise RefusedError(f"{provider}/{spec[:200]} names no repository and ref", status=400)
    read = {"gh": _github, "gist": _gist, "gl": _escaped, "git": _escaped, "hydroshare": _hydroshare}
    return read.get(provider, _data_set)(provider, spec)


def link(repository: str, ref: str) -> str:
    """Return the link's path for any git repository."""
    return f"v2/git/{quote(repository, safe='')}/{quote(ref, safe='')}"


def _github(provider: str, spec: str) -> Source:
    user, name, ref = spec.split("/", 2)
    address = f"https://github.com/{unquote(user)}/{unquote(name).removesuffix('.git')}"
    return Source(provider, spec, address, unquote(ref), f"{user}/{name}")


def _gist(provider: str, spec: str) -> Source:
    user, gist, *ref = spec.split("/")
    named = unquote(ref[0]) if ref else ""
    address = f"https://gist.github.com/{unquote(user)}/{unquote(gist)}.git"
    # gists have one branch; links by old habit say master
    return Source(provider, spec, address, NEWEST if named in _NEWEST else named, f"{user}/{gist}")


def _escaped(provider: str, spec: str) -> Source:
    repository, _, ref = spec.partition("/")
    address = unquote(repository)
    if provider == "gl":
        address = f"https://gitlab.com/{address}.git"
    return Source(provider, spec, address, unquote(ref), repository)


def _hydroshare(provider: str, spec: str) -> Source:
    found = re.search(r"[0-9a-f]{32}", unquote(spec))
    if found is None:
        raise RefusedError(f"{spec[:200]!r} is no id of a HydroShare resource", status=400)
    return Source(provider, spec, f"https://www.hydroshare.org/resource/{found[0]}", NEWEST, spec)


def _data_set(provider: str, spec: str) -> Source:
    try:
        address = canonical(unquote(spec))
    except ValueError as error:
        raise RefusedError(str(error), status=400) from error
    return Source(provider, spec, address, NEWEST, spec)
