"""Servers of data sets that builds may fetch from."""

from typing import Annotated, Literal

from pydantic import Field

from hubfleet.model.base import StrictModel


class DataHost(StrictModel):
    """What a host speaks that has data sets."""

    kind: Literal["invenio", "figshare", "dataverse", "hydroshare", "ckan", "doi"]
    """`invenio` is what Zenodo and other InvenioRDM servers speak; `doi` is a server that knows where DOIs lead."""
    api: Annotated[str, Field(max_length=500, pattern=r"^(https?://[^\s?#@]+)?$")] = ""
    """Where its API is; empty: where such a server has it."""
