"""Which addresses may be data sets', and what a table of the cluster's own changes."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hubfleet.agent.environments.datasets.archives import parted, without_single_folder
from hubfleet.agent.environments.datasets.fetching import DataSets
from hubfleet.agent.environments.datasets.hosts import KNOWN, Host, host, host_of
from hubfleet.agent.environments.datasets.web import DataError
from hubfleet.agent.environments.workshop import Workshop
from hubfleet.errors import BuildError


@pytest.mark.parametrize(
    ("address", "kind", "api"),
    [
        ("https://doi.org/10.5281/zenodo.3242074", "doi", "https://doi.org/api/handles"),
        ("https://ZENODO.org/records/3242074", "invenio", "https://zenodo.org/api"),
        ("https://figshare.com/articles/dataset/x/1", "figshare", "https://api.figshare.com/v2"),
        ("https://monash.figshare.com/articles/dataset/x/1", "figshare", "https://api.figshare.com/v2"),
        ("https://hydroshare.org/resource/x", "hydroshare", "https://www.hydroshare.org"),
        ("https://data.test/dataset.xhtml?persistentId=doi:10.1/x", "dataverse", "https://data.test"),
        ("https://data.test/api/access/datafile/7", "dataverse", "https://data.test"),
        ("https://open.test/en/dataset/sea-level", "ckan", ""),
        ("https://github.com/dataset/waves", "", ""),
        ("https://git.test/group/waves.git", "", ""),
        ("https://git.test/citation", "", ""),
        ("https://notfigshare.com/articles/x/1", "", ""),
    ],
)
def test_an_address_tells_what_its_host_may_speak(address: str, kind: str, api: str) -> None:
    """By the table, else by the form of the address."""
    found = host_of(urlsplit(address), KNOWN)
    assert (found.kind, found.api) == (kind, api) if found else not kind


def test_a_clusters_own_table_adds_and_replaces() -> None:
    """By host."""
    table = {
        **KNOWN,
        "rdm.test": host("rdm.test", "invenio"),
        "doi.org": host("doi.org", "doi", "https://here.test/h/"),
    }
    assert host_of(urlsplit("https://rdm.test/records/x"), table) == Host("invenio", "https://rdm.test/api")
    assert host_of(urlsplit("https://doi.org/10.1/x"), table) == Host("doi", "https://here.test/h")


def test_what_needs_a_token_is_no_data_set() -> None:
    """A token goes to git servers alone; where there can be none, it is refused."""
    sets = DataSets(Workshop(Path("/usr/bin/python3"), {}), {})
    assert sets.may_have("https://git.test/dataset/waves", token="")
    assert not sets.may_have("https://git.test/dataset/waves", token="secret")
    with pytest.raises(BuildError, match="without a token"):
        sets.may_have("https://zenodo.org/records/1", token="secret")


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "a//x", "./x", "", "a\x1b", "a" * 256])
def test_paths_that_lead_out_or_are_none_are_refused(path: str) -> None:
    """Whatever named them."""
    with pytest.raises(DataError):
        parted(path)


def test_a_single_folder_does_not_count() -> None:
    """Where it holds everything."""
    assert without_single_folder(["a/x", "a/b/y"]) == 2
    assert without_single_folder(["a/x", "b"]) == without_single_folder(["a"]) == without_single_folder([]) == 0
