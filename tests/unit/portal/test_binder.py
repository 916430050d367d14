"""BinderHub's names and events, as its clients read them."""

from datetime import UTC, datetime

import pytest

from hubfleet.errors import RefusedError
from hubfleet.portal.features.builds.binder import phases
from hubfleet.portal.features.builds.binder.providers import PROVIDERS, link, source
from hubfleet.protocol.builds import BuildEvent, BuildState

COMMIT = "c" * 40
RESOURCE = "8f7c2f0341ef4180b0dbe97f59130756"


@pytest.mark.parametrize(
    ("provider", "spec", "repository", "ref"),
    [
        ("gh", "ann/waves/main", "https://github.com/ann/waves", "main"),
        ("gh", "ann/waves.git/feature/x", "https://github.com/ann/waves", "feature/x"),
        ("gh", "ann/waves/feature%2Fx", "https://github.com/ann/waves", "feature/x"),
        ("gl", "group%2Fsub%2Fwaves/v1", "https://gitlab.com/group/sub/waves.git", "v1"),
        ("git", "https%3A%2F%2Fgit.example.org%2Fwaves/main", "https://git.example.org/waves", "main"),
        ("git", "https%3A%2F%2Fgit.example.org%2Fwaves/a%2Fb", "https://git.example.org/waves", "a/b"),
        ("gist", "ann/0123456789abcdef", "https://gist.github.com/ann/0123456789abcdef.git", "HEAD"),
        ("gist", "ann/0123456789abcdef/master", "https://gist.github.com/ann/0123456789abcdef.git", "HEAD"),
        ("zenodo", "10.5281/zenodo.3242074", "https://doi.org/10.5281/zenodo.3242074", "HEAD"),
        ("figshare", "10.6084/m9.figshare.9782777.v1", "https://doi.org/10.6084/m9.figshare.9782777.v1", "HEAD"),
        ("dataverse", "10.7910/DVN/TJCLKP", "https://doi.org/10.7910/DVN/TJCLKP", "HEAD"),
        ("hydroshare", "8f7c2f0341ef4180b0dbe97f59130756", f"https://www.hydroshare.org/resource/{RESOURCE}", "HEAD"),
        (
            "hydroshare",
            f"https%3A%2F%2Fx.org%2F{RESOURCE}%2F",
            f"https://www.hydroshare.org/resource/{RESOURCE}",
            "HEAD",
        ),
        ("ckan", "https%3A%2F%2Fx.org%2Fdataset%2Fsea", "https://x.org/dataset/sea", "HEAD"),
        ("ckan", "https%3A%2F%2Fx.org%2Fdataset%2Fs%3Factivity_id%3Da", "https://x.org/dataset/s/history/a", "HEAD"),
        ("gist", f"ann/0123456789abcdef/{COMMIT}", "https://gist.github.com/ann/0123456789abcdef.git", COMMIT),
    ],
)
def test_links_name_repositories(provider: str, spec: str, repository: str, ref: str) -> None:
    """Each provider's form, escaped where BinderHub escapes it."""
    found = source(provider, spec)
    assert (found.repository, found.ref) == (repository, ref)
    assert found.request == f"v2/{provider}/{spec}"


@pytest.mark.parametrize(
    ("provider", "spec", "lasting"),
    [
        ("gh", "ann/waves/feature/x", f"v2/gh/ann/waves/{COMMIT}"),
        ("git", "https%3A%2F%2Fx.org%2Fw/a%2Fb", f"v2/git/https%3A%2F%2Fx.org%2Fw/{COMMIT}"),
        ("gist", "ann/012/master", f"v2/gist/ann/012/{COMMIT}"),
        ("gist", "ann/012", f"v2/gist/ann/012/{COMMIT}"),
        ("zenodo", "10.5281/zenodo.1", "v2/zenodo/10.5281/zenodo.1"),
    ],
)
def test_a_lasting_link_names_the_commit(provider: str, spec: str, lasting: str) -> None:
    """The same link with the commit in the place of the ref; a data set's has none."""
    assert source(provider, spec).at(COMMIT) == lasting


@pytest.mark.parametrize(
    ("provider", "spec"),
    [
        ("gh", "ann/waves"),
        ("gh", ""),
        ("git", "x"),
        ("gist", "ann"),
        ("zenodo", "zenodo.1"),
        ("zenodo", "10.5281/../x"),
        ("hydroshare", "waves"),
    ],
)
def test_what_names_no_repository_is_refused(provider: str, spec: str) -> None:
    """With the status that BinderHub has for it."""
    with pytest.raises(RefusedError) as refused:
        source(provider, spec)
    assert refused.value.status == 400


def test_a_provider_that_is_not_known_is_refused() -> None:
    """Those that are known are named."""
    with pytest.raises(RefusedError) as refused:
        source("swh", "swh:1:rev:1")
    known = "known: ckan, dataverse, figshare, gh, gist, git, gl, hydroshare, zenodo"
    assert (refused.value.status, refused.value.hint) == (404, known)


def test_our_own_links_are_read_back() -> None:
    """For any address and ref."""
    found = source("git", link("https://git.example.org/a b?c", "feature/x").removeprefix("v2/git/"))
    assert (found.repository, found.ref) == ("https://git.example.org/a b?c", "feature/x")


def test_every_state_has_a_phase_that_clients_know() -> None:
    """Only `failed` and `ready` end a stream for them, and a build that is over has not been launched yet."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    told = {
        state: phases.of_build(BuildEvent(seq=1, at=now, state=state, message="x"), "d" * 64)["phase"]
        for state in BuildState
    }
    assert {state for state, phase in told.items() if phase == "failed"} == {BuildState.FAILED, BuildState.STOPPED}
    assert "ready" not in told.values()


def test_forms_of_pages_get_what_they_need() -> None:
    """BinderHub's own page builds links of these keys (`/api/repoproviders`)."""
    for provider in PROVIDERS.values():
        told = provider.display()
        assert {"id", "displayName", "spec", "repo", "ref"} <= told.keys()
