"""The choices of the spawn page: from what policy offers to form fields, and from a posted form to what it asks for."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from hubfleet.hub import spawn_files
from hubfleet.hub.failures import StartError
from hubfleet.model.document import HubDocument
from hubfleet.model.hub import Hub
from hubfleet.model.overrides import Overrides
from hubfleet.model.profile import Profile
from hubfleet.policy.choices import BASE, Choices, Person, ProfileOffer, choices, environment_refused
from hubfleet.policy.environments import Whose, environments

TEMPLATES = Path(__file__).parents[1] / "pages" / "templates"

Asked = dict[str, object]
"""What JupyterHub keeps and policy checks: `profile`, `cluster`, `options`, `environment`, `content` and `home`."""
NOTHING_TOLD = HubDocument()
NOTHING_BEFORE: Mapping[str, object] = {}
_SHORT = 12


class ByLinkError(StartError):
    """A link asked for a server; the form is shown instead, filled in from the link."""

    def __init__(self) -> None:
        super().__init__("A link filled in this form. Look at it, then start", reason="by-link", status_code=200)


def render(
    hub: Hub,
    person: Person,
    remembered: Mapping[str, object],
    document: HubDocument = NOTHING_TOLD,
    before: Mapping[str, object] = NOTHING_BEFORE,
) -> str:
    """Return the form's fields as HTML.

    Args:
        hub: with its profiles.
        person: who looks at it.
        remembered: what was asked for last, or what a link asks for; what of it is no longer offered is passed over.
        document: what the portal tells of environments.
        before: what was asked for last.
    """
    offered = choices(hub, Overrides(), person)
    chosen = _selected(offered, remembered)
    environment = str(remembered.get("environment") or "")
    environment_offers = environments(hub, document, person)
    of_profiles = {item.profile: item for item in document.profiles} if hub.features.builds else {}
    if environment == BASE and not of_profiles:
        environment = ""
    return (
        _environment()
        .get_template("spawn_form.html")
        .render(
            profiles=offered.allowed(),
            refused=[offer for offer in offered.profiles if offer.refused],
            chosen=chosen,
            size_of=lambda offer: size(hub.profiles[offer.name]),
            asks_for_software=hub.features.builds,
            offers={whose.value: [offer for offer in environment_offers if offer.whose is whose] for whose in Whose},
            environment=environment,
            of_profiles=of_profiles,
            environment_offered=any(offer.digest == environment for offer in environment_offers),
            environment_shown=environment[:_SHORT],
            files=spawn_files.question(remembered, before) if hub.features.builds else None,
            environment_refused=environment_refused(hub, environment) if environment else "",
        )
    )


def size(profile: Profile) -> str:
    """Return what a profile gives, with the range where options change it, such as `2 cores · 2-4 GiB memory`."""
    picks = [choice for option in profile.options.values() for choice in option.choices.values()]
    cores = _range(profile.cpu, [choice.cpu for choice in picks])
    memory = _range(profile.memory_gib, [choice.memory_gib for choice in picks])
    return f"{cores} {'core' if cores == '1' else 'cores'} · {memory} GiB memory"


def _range(default: float, others: Sequence[float | None]) -> str:
    known = [default, *(other for other in others if other is not None)]
    low, high = min(known), max(known)
    return f"{low:g}" if low == high else f"{low:g}\N{EN DASH}{high:g}"


def parse(hub: Hub, person: Person, form: Mapping[str, Sequence[str]]) -> Asked:
    """Return what a posted form asks for; policy checks it."""
    offered = choices(hub, Overrides(), person)
    name = _first(form, "profile") or offered.default
    offer = offered.profile(name)
    asked: Asked = {"profile": name}
    if offer is None:
        return asked
    answers = {option.name: _first(form, f"option-{name}-{option.name}") for option in offer.options}
    asked["options"] = {option: answer for option, answer in answers.items() if answer}
    further = {"cluster": _first(form, f"cluster-{name}"), "environment": _first(form, "environment")}
    return asked | {key: answer for key, answer in further.items() if answer} | spawn_files.parse(form)


def from_link(query: Mapping[str, Sequence[str]]) -> Asked:
    """Return what a link asks for: `?profile=large&cluster=hpc&size=four`, with or without JupyterHub's `opt-`.

    `environment=DIGEST` is the software, `repository`, `commit`, `key`, `open` and `home` are files; all further names
    are options of the profile.
    """
    given = {name.removeprefix("opt-"): values[0] for name, values in query.items() if values}
    files = spawn_files.from_link(given)
    known: Asked = {name: given.pop(name) for name in ("profile", "cluster", "environment") if name in given}
    return {**known, **files, "options": given}


def _selected(offered: Choices, remembered: Mapping[str, object]) -> Asked:
    name = str(remembered.get("profile") or "")
    offer = offered.profile(name)
    if offer is None or offer.refused:
        offer = offered.profile(offered.default)
    if offer is None:
        return {"profile": "", "cluster": "", "options": {}}
    options = remembered.get("options")
    answers = options if isinstance(options, Mapping) else {}
    return {
        "profile": offer.name,
        "cluster": remembered.get("cluster") or "",
        "options": {option.name: answers.get(option.name) or option.default for option in offer.options},
    }


def _first(form: Mapping[str, Sequence[str]], name: str) -> str:
    values = form.get(name) or [""]
    return str(values[0])


def clusters_of(offer: ProfileOffer) -> list[str]:
    """Return where a profile may run."""
    return [cluster.name for cluster in offer.clusters if not cluster.refused]


@cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    environment.globals["clusters_of"] = clusters_of
    return environment
