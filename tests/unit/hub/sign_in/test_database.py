"""What a hub's start makes of people in its database."""

from typing import Any

import pytest
from jupyterhub import orm, roles

from unit.hub.sign_in.kinds import KINDS, authenticator

FILE = {"admins": ["mlee"], "groups": {"staff": ["ana"], "crew": {"from": "sign_in"}}}


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_decides_groups_and_admins_at_start(database: Any, kind: str) -> None:
    """Members taken out of the file are out, new ones in; groups of the sign-in stay; others are nobody's."""
    db = database
    for role in roles.get_default_roles():
        roles.create_role(db, role)
    groups = {name: orm.Group(name=name) for name in ("staff", "crew", "old")}
    people = {
        "ana": orm.User(name="ana"),
        "bo": orm.User(name="bo", groups=list(groups.values()), admin=True),
        "mlee": orm.User(name="mlee"),
    }
    db.add_all(people.values())
    roles.assign_default_roles(db, entity=people["bo"])
    checked = authenticator(KINDS[kind], db=db, **FILE)
    for person in people.values():
        checked.add_user(person)
    assert {name: sorted(group.name for group in person.groups) for name, person in people.items()} == {
        "ana": ["staff"],
        "bo": ["crew"],
        "mlee": [],
    }
    assert [bool(person.admin) for person in people.values()] == [False, False, True]
    assert "admin" not in {role.name for role in people["bo"].roles}
    assert "admin" in {role.name for role in people["mlee"].roles}
    for thing in (*people.values(), *groups.values()):
        db.delete(thing)
    db.commit()
