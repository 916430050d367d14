"""What all kinds of sign-in share: who may use the hub, as admin or not, and in which groups, at each refresh.

JupyterHub asks its allow rules at sign-in only; its refresh asks none (`refresh_auth` in jupyterhub/handlers/base.py).
Here a refresh takes the same steps as a sign-in. It answers False for who lost the right, and with
`auth_refresh_strict` each further request of theirs, by cookie or token, is a stranger's. Nothing of theirs is deleted:
who gets the right back goes on.
"""

from typing import Any

from jupyterhub import orm, roles
from jupyterhub.auth import Authenticator
from jupyterhub.utils import maybe_future
from sqlalchemy.orm import object_session
from tornado.web import HTTPError
from traitlets import Any as AnyTrait

from hubfleet.hub.roles import CHECK_USER
from hubfleet.hub.sign_in.rights import Rights
from hubfleet.model import person_names
from hubfleet.model.guests import is_guest

Model = dict[str, Any]
"""JupyterHub's own dictionary of a person who signs in: name, admin, groups, auth_state."""


class Checked(Authenticator):
    """Mixed into an authenticator, to its left."""

    rights: Rights = AnyTrait(Rights({}, frozenset(), frozenset()), help="The hub's groups.").tag(config=True)

    def normalize_username(self, username: str) -> str:
        """Lower the name where that makes nobody else of them."""
        name = person_names.normal(username)
        return str(self.username_map.get(name, name))

    def validate_username(self, username: str) -> bool:
        """Say whether JupyterHub and we can take the name."""
        return person_names.valid(username) and bool(super().validate_username(username))

    def check_blocked_users(self, username: str, authentication: Model | None = None) -> bool:
        """Say whether the name may be signed in with at all: never the one that proves hubs, nor a guest's."""
        return not _without_sign_in(username) and bool(super().check_blocked_users(username, authentication))

    async def check_allowed(self, username: str, authentication: Model | None = None) -> bool:
        """Say whether the person is let in by name, by group, or by the sign-in's own rule."""
        if authentication is None or _without_sign_in(username):
            return False
        groups = authentication.get("groups") or ()
        if self.allow_all or username in self.allowed_users | self.admin_users or self.rights.allow(groups):
            return True
        return await self.lets_in(username, authentication)

    async def lets_in(self, name: str, model: Model) -> bool:
        """Say whether the sign-in itself lets this person in, such as by an organisation; kinds override it."""
        return False

    async def authenticate(self, handler: Any, data: Any = None, **more: Any) -> Model | None:
        """Prove who somebody is, and add what the hub's file says of them."""
        found = await maybe_future(super().authenticate(handler, data, **more))
        if not found:
            return None
        return self.with_rights(found if isinstance(found, dict) else {"name": found})

    def with_rights(self, model: Model) -> Model:
        """Return the model with admin and groups as the file has them; its groups so far are what the sign-in said."""
        name = self.normalize_username(model["name"])
        groups = self.rights.groups_of(name, model.get("groups") or ())
        return {**model, "name": name, "admin": name in self.admin_users, "groups": sorted(groups)}

    async def refresh_user(self, user: Any, handler: Any = None, **_: Any) -> Model | bool:
        """Ask again who the person is and what they may; False for who may nothing any more, or must sign in again."""
        if is_guest(user.name):
            # what they may is what their one token says, as long as the hub has such people at all
            return bool(self.rights.guests)
        if user.name == CHECK_USER:
            return True
        fresh = await self.prove_again(user, handler)
        if fresh is None:
            return False
        model = self.with_rights(fresh)
        if model["name"] != user.name:
            self.log.warning("the sign-in of %s now says %s; it is not refreshed", user.name, model["name"])
            return False
        try:
            let_in = await self.is_let_in(model)
        except HTTPError as error:
            self.log.warning("%s: %s", user.name, error.log_message)
            let_in = False
        if not let_in:
            self.log.warning("%s may not use this hub any more", user.name)
        return model if let_in else False

    async def is_let_in(self, model: Model) -> bool:
        """Take the steps of JupyterHub's own `get_authenticated_user` between proof and session."""
        name = model["name"]
        if not self.validate_username(name) or not await maybe_future(self.check_blocked_users(name, model)):
            return False
        return bool(self.allow_all or await maybe_future(self.check_allowed(name, model)))

    async def prove_again(self, user: Any, handler: Any) -> Model | None:
        """Return a new model of a person with a session, or None where they must sign in again; kinds override it."""
        return {"name": user.name}

    def add_user(self, user: Any) -> None:
        """Bring what the database says of a person in line with the file.

        JupyterHub calls it at its start for everybody in the database, before it grants roles, and for each new person.
        Groups that the sign-in says stay until the person's next refresh.
        """
        super().add_user(user)
        person = getattr(user, "orm_user", user)
        session = object_session(person)
        if _without_sign_in(person.name) or session is None:
            return
        had, admin = {group.name for group in person.groups}, person.name in self.admin_users
        wanted = self.rights.groups_of(person.name, had)
        if wanted != had:
            person.groups = [_group(session, name) for name in sorted(wanted)]
        if bool(person.admin) != admin:
            person.admin = admin
            roles.assign_default_roles(session, entity=person)
        session.commit()


def _without_sign_in(name: str) -> bool:
    return name == CHECK_USER or is_guest(name)


def _group(session: Any, name: str) -> Any:
    found = orm.Group.find(session, name)
    if found is None:
        found = orm.Group(name=name)
        session.add(found)
        session.flush()
    return found
