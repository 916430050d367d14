"""Sizes and kinds of servers that a person may choose."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from hubfleet.model.base import StrictModel
from hubfleet.model.secret import Secret
from hubfleet.model.text import GroupName, Label, Title, UrlPath, VariableName, VariableText

Cores: TypeAlias = Annotated[float, Field(gt=0, le=1024)]
CoresOrNone: TypeAlias = Annotated[float, Field(ge=0, le=1024)]
Gib: TypeAlias = Annotated[float, Field(gt=0, le=65536)]
GibOrNone: TypeAlias = Annotated[float, Field(ge=0, le=65536)]
Variables: TypeAlias = dict[VariableName, VariableText | Secret]
App: TypeAlias = Literal["lab", "notebook"]


class Resources(StrictModel):
    """What one server may use."""

    cpu: Cores = 1.0
    """Cores at most; one is enough for most notebooks."""
    cpu_guarantee: CoresOrNone = 0.0
    """Cores it gets even when others want them; 0: none, since idle servers use no CPU."""
    memory_gib: Gib = 2.0
    """Memory in GiB; what uses more is killed."""
    memory_guarantee_gib: GibOrNone = 0.0
    """GiB kept free for it; 0: none, so that a class fits on one machine."""


class Choice(StrictModel):
    """One value of an option; what it does not say stays as the profile has it."""

    title: Title | None = None
    """As the form shows it; default: the choice's name."""
    description: str = ""
    """A line below it."""
    groups: tuple[GroupName, ...] = ()
    """Whose members may choose it; empty: everybody who may choose the profile."""
    cpu: Cores | None = None
    """Cores at most."""
    cpu_guarantee: CoresOrNone | None = None
    """Cores guaranteed."""
    memory_gib: Gib | None = None
    """Memory in GiB."""
    memory_guarantee_gib: GibOrNone | None = None
    """Memory guaranteed, in GiB."""
    environment: str | None = None
    """Software, as in the profile."""
    app: App | None = None
    """What opens."""
    default_url: UrlPath | None = None
    """Where it opens."""
    variables: Variables = {}
    """Environment variables, added to the profile's."""


class Option(StrictModel):
    """A question that the form asks below a profile; the first choice that a person may take is the default."""

    title: Title | None = None
    """The question as the form shows it; default: the option's name."""
    choices: Annotated[dict[Label, Choice], Field(min_length=1)]
    """The answers, in order."""


class Profile(Resources):
    """One size or kind of server; the first that a person may choose is the default."""

    title: Title | None = None
    """As the form shows it; default: the profile's name."""
    description: str = ""
    """What it is for, in a line or two."""
    environment: str = "base"
    """The software; `base`: the cluster's base software, with JupyterLab."""
    app: App = "lab"
    """What opens: JupyterLab, or the plain Notebook."""
    options: dict[Label, Option] = {}
    """Further questions, in order; a later one's choice wins where two set the same."""
    groups: tuple[GroupName, ...] = ()
    """Whose members may choose it; empty: everybody of the hub."""
    clusters: tuple[Label, ...] = ()
    """Where it may run, out of the hub's `servers_on`; empty: on all of them."""
    variables: Variables = {}
    """Environment variables of the server."""
    default_url: UrlPath = ""
    """Where the server opens, such as /lab/tree/start.ipynb; empty: the app's own start."""
