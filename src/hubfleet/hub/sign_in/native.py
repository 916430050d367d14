"""The hub keeps names and passwords itself; people sign up, and admins approve them.

Of nativeauthenticator we use the table and what it knows of passwords. Its pages are ours (`native_pages`): in 1.3.0
each sign-in fails on JupyterHub 6, and an admin approves by following a link, which any page elsewhere can open.

Its own rule that a name of `admins` needs no approval would make an admin of whoever signs up first under that name.
Here admins have accounts from the start, with the hub's admin password, which they change at their first sign-in.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from typing import Any

import bcrypt
from jinja2 import ChoiceLoader, FileSystemLoader
from nativeauthenticator import NativeAuthenticator
from nativeauthenticator.orm import UserInfo
from tornado.web import HTTPError
from traitlets import Bool, Unicode, default

from hubfleet.hub.roles import CHECK_USER
from hubfleet.hub.sign_in import native_pages
from hubfleet.hub.sign_in.checked import Checked, Model
from hubfleet.hub.sign_in.pages import TEMPLATES
from hubfleet.model.guests import is_guest
from hubfleet.model.settings.hub import HubProgram
from hubfleet.model.sign_in import Native as NativeSettings

BYTES_MAX = 72
"""What bcrypt looks at; it refuses longer ones."""
NAME_MAX = 128
"""Of nativeauthenticator's column."""
LOCKED_S = 600


class _Passwords(NativeAuthenticator):
    """The part of nativeauthenticator that we use: accounts and passwords, without its pages."""

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Model | None:
        name, password = self.normalize_username(data.get("username", "")), encoded(data.get("password", ""))
        account = self.get_user(name)
        if account is None or (self.allowed_failed_logins and self.is_blocked(name)):
            return None
        # In a thread: the hub does nothing else while a password is compared.
        if not await asyncio.to_thread(_matches, password, account.password):
            self.add_login_attempt(name)
            return None
        self.successful_login(name)
        return {"name": name}


class Native(Checked, _Passwords):
    """Accounts of the hub itself, with the hub's own rules."""

    approval = Bool(True, help="Whether an admin's approval lets people in.").tag(config=True)
    first_password = Unicode(help="Of admins who have no account yet.").tag(config=True)

    @default("db")
    def _the_hubs_own(self) -> Any:
        return self._deprecated_db_session

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """Return our pages; their templates come after the hub's own, which may replace them."""
        for env in ("jinja2_env", "jinja2_env_sync"):
            found = app.tornado_settings[env]
            found.loader = ChoiceLoader([found.loader, FileSystemLoader(TEMPLATES)])
        return native_pages.handlers()

    def check_allow_config(self) -> None:
        """Give admins their accounts; JupyterHub calls it once at its start, with the database at hand.

        Who signed up under an admin's name and was never approved was not known to be that admin: the account goes.
        """
        super().check_allow_config()
        for name in sorted(self.admin_users):
            account = self.get_user(name)
            if account is not None and account.is_authorized:
                continue
            if account is not None:
                self.db.delete(account)
            self.db.add(UserInfo(username=name, password=_hashed(self.first_password), is_authorized=True))
            self.db.commit()
            self.log.info("made an account for the admin %s, with the hub's admin password", name)

    async def check_allowed(self, username: str, authentication: Model | None = None) -> bool:
        """Say so to whom an admin must still approve; the password was right."""
        if await super().check_allowed(username, authentication):
            return True
        if authentication and not authentication.get("again") and self.approval:
            raise HTTPError(403, "An admin of this hub has not approved your account yet. Please try again later.")
        return False

    async def lets_in(self, name: str, model: Model) -> bool:
        """Say whether an admin approved the person."""
        account = self.get_user(name)
        return bool(self.approval and account is not None and account.is_authorized)

    async def prove_again(self, user: Any, handler: Any) -> Model | None:
        """Look whether the account is still there."""
        return {"name": user.name, "again": True} if self.get_user(user.name) is not None else None

    def problem(self, name: str, password: str, confirmation: str, email: str) -> str:
        """Return why nobody can sign up like this, or nothing."""
        normal = self.normalize_username(name)
        if not self.validate_username(normal) or normal == CHECK_USER or is_guest(normal) or len(normal) > NAME_MAX:
            return "This cannot be a username. Use letters, digits, and . - _ @ without spaces."
        if self.get_user(normal) is not None:
            return "This username is taken. Please choose another one."
        if self.ask_email_on_signup and ("@" not in email or len(email) > NAME_MAX or not email.isprintable()):
            return "Please give your e-mail address, so that the admins know who you are."
        return self.password_problem(password, confirmation)

    def password_problem(self, password: str, confirmation: str) -> str:
        """Return why this cannot be a password, or nothing."""
        if password != confirmation:
            return "The two passwords differ."
        if len(password) < self.minimum_password_length:
            return f"The password is too short: at least {self.minimum_password_length} characters."
        if len(encoded(password)) > BYTES_MAX:
            return f"The password is too long: at most {BYTES_MAX} letters, fewer with accents."
        if self.is_password_common(password):
            return "This password is on lists of stolen passwords. Please choose another one."
        return ""

    async def sign_up(self, name: str, password: str, email: str) -> None:
        """Make an account that nobody has approved."""
        password_hash = await asyncio.to_thread(_hashed, password)
        normal = self.normalize_username(name)
        if self.get_user(normal) is None:
            self.db.add(UserInfo(username=normal, password=password_hash, email=None, is_authorized=False))
            self.db.commit()
            if email:
                # Past the column's own check, which knows fewer addresses than there are.
                self.db.query(UserInfo).filter_by(username=normal).update({"email": email})
                self.db.commit()

    async def set_password(self, name: str, password: str) -> None:
        """Give an account another password."""
        password_hash = await asyncio.to_thread(_hashed, password)
        self.db.query(UserInfo).filter_by(username=name).update({"password": password_hash})
        self.db.commit()
        self.successful_login(name)

    async def knows(self, name: str, password: str) -> bool:
        """Say whether this is the account's password."""
        account = self.get_user(name)
        return account is not None and await asyncio.to_thread(_matches, encoded(password), account.password)

    def accounts(self) -> list[UserInfo]:
        """Return all accounts, those that wait for approval first."""
        return sorted(UserInfo.all_users(self.db), key=lambda account: (bool(account.is_authorized), account.username))


def encoded(password: str) -> bytes:
    """Return a password as bytes, the same however a keyboard composes its letters (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode(errors="replace")


def _hashed(password: str) -> bytes:
    return bcrypt.hashpw(encoded(password), bcrypt.gensalt())


def _matches(password: bytes, password_hash: bytes) -> bool:
    return len(password) <= BYTES_MAX and bcrypt.checkpw(password, password_hash)


def set_up(c: Any, program: HubProgram, secret: Callable[[str], str]) -> type[Checked]:
    """Set what the sign-up asks for, and the password of admins' new accounts."""
    sign_in = program.hub.sign_in
    assert isinstance(sign_in, NativeSettings)
    c.Native.approval = sign_in.approval
    c.Native.first_password = secret("admin-password")
    c.NativeAuthenticator.minimum_password_length = sign_in.password_length_min
    c.NativeAuthenticator.check_common_password = True
    c.NativeAuthenticator.allowed_failed_logins = sign_in.attempts_max
    c.NativeAuthenticator.seconds_before_next_try = LOCKED_S
    c.NativeAuthenticator.ask_email_on_signup = sign_in.ask_email
    return Native
