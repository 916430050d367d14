"""Keys that nothing reads, and what is right but not supported yet."""

import re
from pathlib import Path

import pytest

from fleets import HUB, MACHINE, errors, only_error
from hubfleet.config import support
from hubfleet.config.schema import schemas
from hubfleet.config.words import OTHER_WORDS
from hubfleet.errors import NotSupportedError, UnknownKeyError


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("titel: x", "titel", "`title`"),
        ("profileList: []", "profileList", "`profiles`"),
        ("singleuser: {memory: {limit: 1G}}", "singleuser.memory.limit", "memory_gib"),
        ("cull: {timeout: 60}", "cull.timeout", "idle_minutes"),
        ("hub: {config: {Authenticator: {admin_users: [a]}}}", "hub.config.Authenticator.admin_users", "`admins`"),
        ("profiles: {a: {display_name: x}}", "profiles.a.display_name", "`title`"),
        ("profiles: {a: {mem_limit: 1G}}", "profiles.a.mem_limit", "`memory_gib`"),
        ("culling: {timeout: 5}", "culling.timeout", "`idle_minutes`"),
        ("wibble: 1", "wibble", "known here: "),
        ("branding: {logoo: a.svg}", "branding.logoo", "`logo`"),
    ],
)
def test_an_unknown_key_says_what_was_meant(tmp_path: Path, text: str, key: str, hint: str) -> None:
    """Typing errors and other tools' words get the right word."""
    error = only_error(tmp_path, hub=f"{HUB}{text}\n")
    assert isinstance(error, UnknownKeyError)
    assert f"`{key}`" in error.message
    assert hint in error.hint


def test_each_line_of_another_tools_words_is_an_error_of_its_own(tmp_path: Path) -> None:
    """Whoever brings z2jh's values sees for each where it goes."""
    hub = HUB + "singleuser:\n  memory:\n    limit: 1G\n    guarantee: 1G\n  defaultUrl: /lab\n"
    assert [error.where.line for error in errors(tmp_path, hub=hub) if error.where] == [6, 7, 8]


def test_hints_name_words_that_exist() -> None:
    """Each word of ours in the table is a key of the model, or one that is refused by name."""
    known = set(re.findall(r"\w+", str(schemas()))) | set(re.findall(r"\w+", str((support.HUB, support.CLUSTER))))
    said = [word for hint in OTHER_WORDS.values() for word in re.findall(r"`(\w+)", hint)]
    assert [word for word in said if word not in known] == []


@pytest.mark.parametrize(
    "text",
    [
        "profiles: {a: {gpu: 1}}",
        "profiles: {a: {image: x}}",
        "profiles: {a: {environment: abc}}",
        "profiles: {a: {options: {b: {choices: {c: {gpu: 1}}}}}}",
        "profiles: {a: {kubespawner_override: {mem_limit: 1G}}}",
        "environments: {a: b}",
        "database: {env: DB}",
        "self_service: {a: b}",
        "features: {sharing: true}",
        "features: {dask: {workers: 3}}",
    ],
)
def test_what_nothing_honours_yet_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """It is one error, of its own kind."""
    error = only_error(tmp_path, hub=f"{HUB}{text}\n")
    assert isinstance(error, NotSupportedError)
    assert "not supported" in error.message
    assert str(error.where) == "hubs/sea.yaml:4"


@pytest.mark.parametrize(
    "text", ["features: {sharing: false}", "profiles: {a: {gpu: 0}}", "profiles: {a: {image: null}}"]
)
def test_what_is_switched_off_passes(tmp_path: Path, text: str) -> None:
    """Off is what happens anyway."""
    assert errors(tmp_path, hub=f"{HUB}{text}\n") == []


@pytest.mark.parametrize(
    "text",
    ["kind: kubernetes\n", "kind: slurm\n", MACHINE + "launcher: container\n", MACHINE + "provider: gcp\n"],
)
def test_clusters_of_later_are_refused_by_name(tmp_path: Path, text: str) -> None:
    """A hub there hears nothing more."""
    assert isinstance(only_error(tmp_path, {"clusters/here.yaml": text}, hub=HUB), NotSupportedError)


def test_servers_elsewhere_are_refused_by_name(tmp_path: Path) -> None:
    """Other clusters than the hub's own come later."""
    hub = HUB + "cluster: here\nservers_on: [here, west]\n"
    assert isinstance(only_error(tmp_path, {"clusters/west.yaml": MACHINE}, hub=hub), NotSupportedError)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("staging: yes", "must be a map", "write true"),
        ("user_subdomains: on", "must be true or false, not 'on'", "write true"),
        ("title: 2024", "must be text, not 2024", 'quotes: "2024"'),
        ("profiles: {a: {memory_gib: 8G}}", "must be a number, not '8G'", "GiB"),
        ("profiles: {a: {cpu: 0}}", "must be more than 0, not 0", ""),
        ("admins: mlee", "must be a list, not 'mlee'", "write [mlee]"),
        ("admins: [MLee]", "has capitals", "'mlee'"),
        ('admins: ["\u212ate"]', "cannot be a person", "as the sign-in gives it"),
        ("domain: https://x.org", "not fit for DNS", "hub.example.org"),
        ("branding: {colour: red}", "not a colour", "#"),
        ("branding: {logo: ../x.svg}", "not a path within", "files/"),
        ("groups: {a: 3}", "must be a list of names", "[ana, sam]"),
        ("roles: {a: {people: [b]}}", "`roles.a.scopes` is missing", "add `scopes"),
    ],
)
def test_a_wrong_value_says_what_to_write(tmp_path: Path, text: str, words: str, hint: str) -> None:
    """Messages are for who wrote the line."""
    error = only_error(tmp_path, hub=f"{HUB}{text}\n")
    assert words in error.message
    assert hint in error.hint
    assert str(error.where) == "hubs/sea.yaml:4"


def test_a_misspelled_sign_in_is_guessed(tmp_path: Path) -> None:
    """The kinds are listed, and the nearest is named."""
    error = only_error(tmp_path, hub=HUB.replace("shared-password", "shared-pasword"))
    assert error.hint == "did you mean `shared-password`?"
