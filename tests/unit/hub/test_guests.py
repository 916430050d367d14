"""People who do not sign in, as JupyterHub's process meets them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from jupyterhub import orm
from traitlets.config import Config

from hubfleet.hub import crowds, portal, requests
from hubfleet.hub.failures import StartError
from hubfleet.model.guests import PLACES_MAX, name
from hubfleet.model.hub import Hub
from hubfleet.policy.choices import Chosen, Person
from hubfleet.protocol.messages import ServerRequest
from unit.hub.sign_in.kinds import KINDS, authenticator, program, session

DOCS = "https://docs.example.org"
OPEN = {"features": {"builds": {"anonymous": {"origins": [DOCS]}}}}
GUEST = name(1)


class Known:
    """Stands for JupyterHub's user."""

    def __init__(self, who: str) -> None:
        self.name = who


def request(person: Person, **settings: object) -> ServerRequest:
    """Return what the agent is asked for a start."""
    return requests.build(
        program(KINDS["shared-password"], **settings).hub,
        person,
        Chosen("standard", "here"),
        server_name="",
        generation=datetime(2026, 1, 1, tzinfo=UTC),
        environment={},
        api_token="t",
        secrets=Path("/none"),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_signs_in_with_a_guests_name(kind: str) -> None:
    """By no kind of sign-in, on whatever hub, even where everybody is let in."""
    db = session() if kind == "native" else object()
    made = authenticator(KINDS[kind], db=db, allow={"everyone": True})
    proved = {"name": GUEST, "auth_state": {"google_user": {"hd": "lab.org", "verified_email": True}}}
    assert not made.check_blocked_users(GUEST, proved)
    assert made.check_blocked_users("ann@lab.org", proved)


@pytest.mark.anyio
async def test_a_guests_token_counts_only_where_the_hub_has_guests() -> None:
    """Though no rule lets them in; each request by their token asks this."""
    closed, opened = (authenticator(KINDS["shared-password"], db=object(), **settings) for settings in ({}, OPEN))
    assert await closed.refresh_user(Known(GUEST)) is False
    assert await opened.refresh_user(Known(GUEST)) is True
    assert not await opened.check_allowed(GUEST, {"name": GUEST})


def test_a_guest_is_in_no_group_and_no_admin() -> None:
    """Whatever the hub's file lists."""
    db = session()
    user = orm.User(name=GUEST)
    db.add(user)
    db.commit()
    settings = {**OPEN, "groups": {"crew": [GUEST]}, "admins": [GUEST], "allow": {"people": [GUEST]}}
    authenticator(KINDS["shared-password"], db=db, **settings).add_user(user)
    assert (user.groups, user.admin) == ([], False)


def test_only_guests_servers_are_open_to_other_origins() -> None:
    """And only they take their token from an address."""
    guest, ann = request(Person(GUEST, guest=True), **OPEN), request(Person("ann"), **OPEN)
    assert (guest.allowed_origins, ann.allowed_origins) == ([DOCS], [])
    assert (guest.token_in_address, ann.token_in_address) == (True, False)
    assert request(Person(GUEST, guest=True)).allowed_origins == []


def test_the_portal_has_rights_over_guests_alone() -> None:
    """Each of its scopes names one of them."""
    c = Config()
    made = program(KINDS["shared-password"]).model_copy(update={"portal_url": "http://127.0.0.1:1"})
    portal.set_up(c, made, lambda file: file)
    (role,) = [role for role in c.JupyterHub.load_roles if role.get("services") == ["portal"]]
    assert {scope.partition("!user=")[2] for scope in role["scopes"]} == {name(n) for n in range(1, PLACES_MAX + 1)}


@pytest.mark.parametrize(("others", "refused"), [(1, False), (2, True)])
def test_a_repository_has_no_more_servers_than_the_file_says(others: int, refused: bool) -> None:
    """Whoever they belong to, and however their repository is spelled."""
    hub: Hub = program(KINDS["shared-password"], features={"builds": {"per_repository": 2}}).hub
    running = ["https://git.test/Ann/waves.git"] * others + ["https://git.test/bob/waves", ""]
    if not refused:
        crowds.check(hub, "https://git.test/ann/waves", running)
        return
    with pytest.raises(StartError, match="2 servers with this repository run already") as error:
        crowds.check(hub, "https://git.test/ann/waves", running)
    assert error.value.status_code == 429
    crowds.check(hub, "", [""] * 9)
