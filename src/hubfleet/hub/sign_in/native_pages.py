"""Pages of a hub that keeps names and passwords itself: sign in, sign up, approve, change a password.

Whatever changes something is a form with JupyterHub's XSRF token, never a link.
"""

from typing import Any

from jupyterhub import orm
from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from jupyterhub.scopes import needs_scope
from nativeauthenticator.orm import UserInfo
from tornado.web import HTTPError, authenticated

ROWS = 100
"""How many accounts a page shows, those that wait first."""


def handlers() -> list[tuple[str, type]]:
    """Return the pages by path below /hub."""
    return [
        (r"/login", SignIn),
        (r"/signup", SignUp),
        (r"/authorize", Accounts),
        (r"/change-password", ChangePassword),
        (r"/change-password/(.+)", ChangeTheirPassword),
    ]


class SignIn(LoginHandler):
    """JupyterHub's own page, with a way to sign up."""

    def render_template(self, name: str, sync: bool = False, **values: Any) -> Any:
        """Use our extension of JupyterHub's template."""
        return super().render_template("native-login.html" if name == "login.html" else name, sync=sync, **values)


class _Page(BaseHandler):
    async def show(self, template: str, *, status: int = 200, **values: Any) -> None:
        self.set_status(status)
        self.finish(await self.render_template(template, **values))

    def field(self, name: str) -> str:
        return str(self.get_body_argument(name, "", strip=False))

    async def replace_password(self, name: str) -> None:
        """Set a person's password from the form, and end all their sessions."""
        await self.authenticator.set_password(name, self.field("new_password"))
        person = orm.User.find(self.db, name)
        if person is not None:
            person.cookie_id = orm.new_token()
            self.db.commit()


class SignUp(_Page):
    """Anybody makes an account, which lets nobody in by itself."""

    async def get(self) -> None:
        """Show the form."""
        await self.form()

    async def post(self) -> None:
        """Make the account."""
        name, email = self.field("username").strip(), self.field("email").strip()
        password = self.field("signup_password")
        found = self.authenticator.problem(name, password, self.field("signup_password_confirmation"), email)
        if found:
            await self.form(status=400, problem=found, username=name, email=email)
            return
        await self.authenticator.sign_up(name, password, email)
        self.log.info("%s signed up", name[:60])
        await self.form(done=True)

    async def form(self, *, status: int = 200, **values: Any) -> None:
        """Show the form, with what was wrong, or that the account is made."""
        native = self.authenticator
        shown = {"problem": "", "done": False, "username": "", "email": "", **values}
        await self.show(
            "native-signup.html",
            status=status,
            ask_email=native.ask_email_on_signup,
            length_min=native.minimum_password_length,
            approval=native.approval,
            **shown,
        )


class Accounts(_Page):
    """Admins see who signed up, and approve them or not."""

    @needs_scope("admin:users")
    async def get(self) -> None:
        """Show the list."""
        search = self.get_query_argument("search", "").lower()
        found = [one for one in self.authenticator.accounts() if search in f"{one.username} {one.email or ''}".lower()]
        await self.show(
            "native-accounts.html",
            accounts=found[:ROWS],
            hidden=len(found[ROWS:]),
            search=search,
            admins=self.authenticator.admin_users,
            listed=self.authenticator.allowed_users,
            ask_email=self.authenticator.ask_email_on_signup,
            approval=self.authenticator.approval,
        )

    @needs_scope("admin:users")
    async def post(self) -> None:
        """Do what a button says to one account."""
        name, what = self.field("username"), self.field("do")
        account = self.authenticator.get_user(name)
        if account is None:
            raise HTTPError(404, "There is no such account any more.")
        if what not in {"approve", "withdraw", "delete"}:
            raise HTTPError(400, "This button is not known.")
        if name in self.authenticator.admin_users and what != "approve":
            raise HTTPError(400, "This account is an admin's; take the name out of the hub's admins first.")
        if what == "delete":
            self.db.delete(account)
        else:
            account.is_authorized = what == "approve"
        self.db.commit()
        if (user := self.find_user(name)) is not None:
            user._auth_refreshed = None  # their next request asks again, not in five minutes
        self.log.info("%s: %s the account of %s", self.current_user.name, what, name)
        self.redirect(f"{self.hub.base_url}authorize")


class ChangePassword(_Page):
    """Anybody who is signed in changes their own password."""

    @authenticated
    async def get(self) -> None:
        """Show the form."""
        await self.show("native-password.html", person="", problem="", done=False)

    @authenticated
    async def post(self) -> None:
        """Change it, and sign out everywhere else."""
        user = self.current_user
        found = self.authenticator.password_problem(self.field("new_password"), self.field("new_password_confirmation"))
        if not await self.authenticator.knows(user.name, self.field("old_password")):
            found = "This is not your password so far."
        if found:
            await self.show("native-password.html", status=400, person="", problem=found, done=False)
            return
        await self.replace_password(user.name)
        self.set_login_cookie(user)
        await self.show("native-password.html", person="", problem="", done=True)


class ChangeTheirPassword(_Page):
    """An admin gives somebody another password, such as after it was forgotten."""

    @needs_scope("admin:users")
    async def get(self, name: str) -> None:
        """Show the form."""
        await self.show("native-password.html", person=self.account(name).username, problem="", done=False)

    @needs_scope("admin:users")
    async def post(self, name: str) -> None:
        """Set it, and sign them out everywhere."""
        person = self.account(name).username
        found = self.authenticator.password_problem(self.field("new_password"), self.field("new_password_confirmation"))
        if found:
            await self.show("native-password.html", status=400, person=person, problem=found, done=False)
            return
        await self.replace_password(person)
        await self.show("native-password.html", person=person, problem="", done=True)

    def account(self, name: str) -> UserInfo:
        """Return an account.

        Raises:
            HTTPError: 404, there is none.
        """
        found = self.authenticator.get_user(name)
        if found is None:
            raise HTTPError(404, "There is no such account.")
        return found
