"""Answers of a person, by form, program or an earlier choice -> a server that they may have, or the reason why not."""

from collections.abc import Mapping
from dataclasses import replace

from hubfleet._kit.names import closest
from hubfleet.errors import ChoiceError
from hubfleet.model.hub import Hub
from hubfleet.model.overrides import Overrides
from hubfleet.model.profile import App, Choice, Profile, Resources
from hubfleet.model.secret import SecretReference
from hubfleet.policy.choices import (
    Choices,
    Chosen,
    OptionOffer,
    Person,
    ProfileOffer,
    choices,
    environment_refused,
    title_of,
)
from hubfleet.policy.content import files

KEYS = ("profile", "cluster", "options", "environment", "content", "home")


def validate(hub: Hub, overrides: Overrides, person: Person, asked: Mapping[str, object]) -> Chosen:
    """Return the server that a person asks for; what they do not say is the default.

    `asked` may hold `profile`, `cluster` and `options` (a map from option to choice), all by name, and `environment`,
    a digest (or `base`) that takes the place of the profile's software; `content` and `home` are for files; nothing
    else.

    Raises:
        ChoiceError: which field is wrong, and why.
    """
    for key in asked:
        if key not in KEYS:
            raise ChoiceError(
                str(key)[:60], f"there is no {str(key)[:60]!r} to choose", hint=f"choose {', '.join(KEYS)}"
            )
    offered = choices(hub, overrides, person)
    offer = _profile(offered, _text("profile", asked.get("profile")))
    cluster = _cluster(offer, _text("cluster", asked.get("cluster")))
    answers = _options(offer, asked.get("options"))
    environment = _environment(hub, _text("environment", asked.get("environment")))
    profile = hub.profiles[offer.name]
    promoted = overrides.environments.get(offer.name, "")
    if promoted and not environment_refused(hub, promoted):
        profile = profile.model_copy(update={"environment": promoted})
    found = files(hub, asked, guest=person.guest)
    return replace(_chosen(profile, offer.name, cluster, answers, environment), files=found)


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ChoiceError(name, f"{name!r} must be a name", hint="give it as text")
    return value


def _profile(offered: Choices, name: str) -> ProfileOffer:
    name = name or offered.default
    if not name:
        reasons = "; ".join(f"{offer.title}: {offer.refused}" for offer in offered.profiles)
        raise ChoiceError("profile", "there is no profile that you may choose", hint=reasons)
    offer = offered.profile(name)
    if offer is None:
        known = [offer.name for offer in offered.allowed()]
        raise ChoiceError("profile", f"there is no profile {name[:60]!r}", hint=_known(name, known))
    if offer.refused:
        raise ChoiceError("profile", f"the profile {offer.title!r} is not for you: {offer.refused}")
    return offer


def _cluster(offer: ProfileOffer, name: str) -> str:
    allowed = [cluster.name for cluster in offer.clusters if not cluster.refused]
    if not name and allowed:
        return allowed[0]
    if name in allowed:
        return name
    found = next((cluster for cluster in offer.clusters if cluster.name == name), None)
    if found is not None:
        raise ChoiceError("cluster", f"the profile {offer.title!r} {found.refused}")
    raise ChoiceError("cluster", f"servers of this hub do not run on {name[:60]!r}", hint=_known(name, allowed))


def _options(offer: ProfileOffer, asked: object) -> dict[str, str]:
    if asked is None:
        asked = {}
    if not isinstance(asked, Mapping):
        raise ChoiceError("options", "'options' must be a map from question to answer")
    known = [option.name for option in offer.options]
    for name in asked:
        if name not in known:
            shown = str(name)[:60]
            raise ChoiceError(
                f"options.{shown}", f"the profile {offer.title!r} has no option {shown!r}", hint=_known(shown, known)
            )
    return {option.name: _answer(option, asked.get(option.name)) for option in offer.options}


def _answer(option: OptionOffer, value: object) -> str:
    name = f"options.{option.name}"
    answer = _text(name, value) or option.default
    found = next((choice for choice in option.choices if choice.name == answer), None)
    if found is None:
        known = [choice.name for choice in option.choices if not choice.refused]
        raise ChoiceError(name, f"{option.title!r} has no choice {answer[:60]!r}", hint=_known(answer, known))
    if found.refused:
        raise ChoiceError(name, f"{found.title!r} is not for you: {found.refused}")
    return found.name


def _environment(hub: Hub, name: str) -> str:
    refused = environment_refused(hub, name) if name else ""
    if refused:
        raise ChoiceError("environment", refused, hint="leave it out to start with the hub's own software")
    return name


def _chosen(profile: Profile, name: str, cluster: str, answers: dict[str, str], asked_environment: str) -> Chosen:
    picked = [profile.options[option].choices[answer] for option, answer in answers.items()]
    variables: dict[str, str | SecretReference] = dict(profile.variables)
    app: App = profile.app
    environment, default_url = profile.environment, profile.default_url
    for choice in picked:
        variables.update(choice.variables)
        app = choice.app or app
        environment = choice.environment or environment
        default_url = default_url if choice.default_url is None else choice.default_url
    titles = [title_of(name, profile)]
    titles += [title_of(answers[option], profile.options[option].choices[answers[option]]) for option in answers]
    return Chosen(
        profile=name,
        cluster=cluster,
        options=answers,
        title=", ".join(titles),
        resources=_resources(profile, picked),
        environment=asked_environment or environment,
        app=app,
        default_url=default_url,
        variables=variables,
    )


def _resources(profile: Profile, picked: list[Choice]) -> Resources:
    """Lay choices over the profile; a guarantee never exceeds its limit, whichever options meet."""
    values = {key: getattr(profile, key) for key in Resources.model_fields}
    for choice in picked:
        values |= {key: said for key in values if (said := getattr(choice, key)) is not None}
    values["cpu_guarantee"] = min(values["cpu_guarantee"], values["cpu"])
    values["memory_guarantee_gib"] = min(values["memory_guarantee_gib"], values["memory_gib"])
    return Resources.model_validate(values)


def _known(name: str, known: list[str]) -> str:
    meant = closest(name, known)
    rest = f"you may choose {', '.join(known)}" if known else "there is none for you"
    return f"did you mean {meant!r}? {rest}" if meant else rest
