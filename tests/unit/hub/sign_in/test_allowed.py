"""Who gets in, by each kind of sign-in: nobody but whom the hub's file names."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jupyterhub import orm
from tornado.web import HTTPError

from hubfleet.hub.roles import CHECK_USER
from hubfleet.hub.sign_in.checked import Checked
from unit.hub.sign_in.kinds import KINDS, UNI, authenticator

NAMES = ("ana", "bo", "mlee", CHECK_USER)
GROUPS = ("crew", "deck", "listed")
CLAIMS_KEY = {"github": "github_user", "google": "google_user", "cilogon": "cilogon_user", "oidc": "oauth_user"}


@dataclass(frozen=True)
class Person:
    """Somebody whose name is proven, and what the proof said besides."""

    name: str
    said: tuple[str, ...]
    member: bool


def of_some(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """Return any of some values, each once."""
    return st.lists(st.sampled_from(values), unique=True)


people = st.builds(Person, st.sampled_from(NAMES), of_some(GROUPS).map(tuple), st.booleans())
files = st.fixed_dictionaries(
    {
        "admins": of_some(("mlee",)),
        "allow": st.fixed_dictionaries(
            {
                "everyone": st.sampled_from([False, False, True]),
                "people": of_some(("ana", "bo")),
                "groups": of_some(GROUPS),
            }
        ),
        "groups": st.fixed_dictionaries(
            {"crew": st.just({"from": "sign_in"}), "listed": of_some(("ana", "bo")).map(list)}
        ),
    }
)


def model(kind: str, person: Person) -> dict[str, Any]:
    """Return what a proven sign-in of that kind hands on."""
    domain = "lab.org" if person.member else "elsewhere.org"
    claims = {
        "google": {"email": f"{person.name}@{domain}", "domain": domain, "verified_email": True, "hd": domain},
        "cilogon": {"idp": UNI, "email": f"{person.name}@{'uni.edu' if person.member else 'elsewhere.org'}"},
    }.get(kind, {})
    state = {CLAIMS_KEY.get(kind, ""): claims, "token_response": {"access_token": "x", "token_type": "bearer"}}
    return {"name": person.name, "groups": list(person.said), "auth_state": state}


def prepare(kind: str, person: Person, checked: Any) -> None:
    """Let the rule of the kind itself say what it is to say."""
    if kind == "github":

        async def membership(org: str, name: str, *_: str) -> bool:
            return person.member and (org, name) == ("reef:divers", person.name)

        checked._check_membership_allowed_organizations = membership
    if kind == "native":
        from nativeauthenticator.orm import UserInfo

        account = UserInfo(username=person.name, password=b"x", is_authorized=person.member)
        checked.get_user = {person.name: account}.get


def lets_in(checked: Checked, kind: str, person: Person) -> bool:
    """Take the steps of a sign-in after the proof."""
    prepare(kind, person, checked)
    try:
        return asyncio.run(checked.is_let_in(checked.with_rights(model(kind, person))))
    except HTTPError:
        return False


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(file=files, person=people)
def test_nobody_gets_in_whom_the_file_does_not_name(
    database: Any, kind: str, file: dict[str, Any], person: Person
) -> None:
    """Everyone, by name, as admin, by a group's membership, or by the kind's own rule; and nobody else."""
    checked = authenticator(KINDS[kind], db=database, **file)
    allow, groups = file["allow"], file["groups"]
    mine = {"listed"} if person.name in groups["listed"] else set()
    mine |= {"crew"} & set(person.said)
    named = allow["everyone"] or person.name in allow["people"] or person.name in file["admins"]
    by_rule = person.member and kind in {"native", "github", "google", "cilogon"}
    expected = person.name != CHECK_USER and bool(named or mine & set(allow["groups"]) or by_rule)
    given_rights = checked.with_rights(model(kind, person))
    assert lets_in(checked, kind, person) == expected
    assert set(given_rights["groups"]) == mine
    assert given_rights["admin"] == (person.name in file["admins"])


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_lets_nobody_in(database: Any, kind: str) -> None:
    """Nothing is ever allowed by default, whatever JupyterHub's own defaults are or become."""
    checked = authenticator(KINDS[kind], db=database)
    assert not any(lets_in(checked, kind, Person(name, GROUPS, member=False)) for name in NAMES)


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_in_the_database_is_not_let_in_for_that(database: Any, kind: str) -> None:
    """JupyterHub calls `add_user` for everybody in its database; it adds nobody to the list."""
    checked = authenticator(KINDS[kind], db=database, allow={"people": ["ana"]})
    for name in NAMES:
        checked.add_user(orm.User(name=name))
    assert checked.allowed_users == {"ana"}


@pytest.mark.parametrize("claims", [{"verified_email": False}, {}, {"verified_email": "true"}])
def test_google_refuses_unverified_addresses_even_where_everyone_may(database: Any, claims: dict[str, Any]) -> None:
    """JupyterHub asks oauthenticator's own check only where not everyone is allowed."""
    checked = authenticator(KINDS["google"], db=database, allow={"everyone": True})
    state = {"google_user": {"email": "ana@lab.org", "domain": "lab.org", "hd": "lab.org", **claims}}
    assert not asyncio.run(checked.is_let_in(checked.with_rights({"name": "ana", "auth_state": state})))
