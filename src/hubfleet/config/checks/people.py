"""Who can sign in: somebody, and not everybody by mistake."""

from collections.abc import Iterator

from hubfleet.config.draft import Draft
from hubfleet.config.notice import Notice
from hubfleet.config.scene import Check, Finding, Scene
from hubfleet.config.secrets import readable
from hubfleet.errors import BadValueError, ConfigError, SecretError
from hubfleet.model.hub import HubFile
from hubfleet.model.secret import SecretReference
from hubfleet.model.sign_in import CILogon, GitHub, Google, Native, OpenIdConnect, SharedPassword, SignIn

PASSWORD_MIN = 8
ADMIN_PASSWORD_MIN = 32
"""JupyterHub's own limits for its shared-password sign-in."""


def there_is_a_sign_in(scene: Scene) -> Iterator[Finding]:
    """Without `sign_in` nobody could prove who they are."""
    for hub in scene.hubs.values():
        if hub.settings.sign_in is None and hub.sound("sign_in"):
            yield ConfigError(
                "nobody can sign in: `sign_in` is missing",
                hint="add `sign_in: {with: shared-password}`, or native, github, google, cilogon, oidc",
                where=hub.where(),
            )


def somebody_may_use_it(scene: Scene) -> Iterator[Finding]:
    """Some rule lets somebody in, and a rule for all people of a provider is said openly."""
    for hub in scene.hubs.values():
        if hub.settings.sign_in is None or not hub.sound("allow", "groups"):
            continue
        sign_in, allow = hub.settings.sign_in, hub.settings.allow
        if allow.everyone and (who := _everybody(sign_in)):
            yield Notice(
                hub.where("allow", "everyone"),
                "open-to-all",
                f"{who} can use this hub",
                "name people, groups or organizations where that is not meant",
            )
        if not (allow.everyone or allow.people or allow.groups or _lets_in(sign_in)):
            yield ConfigError(
                "nobody can use the hub: no rule lets anybody in",
                hint=f"add {_ways_in(sign_in)}",
                where=hub.where("allow"),
            )


def admins_are_allowed(scene: Scene) -> Iterator[Finding]:
    """An admin who may not use the hub is most often a typing error in one of the lists."""
    for hub in scene.hubs.values():
        sign_in, allow = hub.settings.sign_in, hub.settings.allow
        if sign_in is None or allow.everyone or _lets_in(sign_in) or not hub.sound("allow", "groups", "admins"):
            continue
        groups = [hub.settings.groups[name] for name in allow.groups if name in hub.settings.groups]
        if not (allow.people or groups) or any(group.source == "sign_in" for group in groups):
            continue
        allowed = {*allow.people, *(name for group in groups for name in group.members)}
        for number, admin in enumerate(hub.settings.admins):
            if admin not in allowed:
                yield BadValueError(
                    f"the admin {admin!r} is not among those whom `allow` lets in",
                    hint=f"add {admin!r} to `allow: {{people: […]}}`, or correct the name",
                    where=hub.where("admins", str(number)),
                )


def sign_in_knows_its_groups(scene: Scene) -> Iterator[Finding]:
    """A group `from: sign_in` needs a sign-in that tells groups."""
    for hub in scene.hubs.values():
        sign_in = hub.settings.sign_in
        if sign_in is None or _tells_groups(sign_in):
            continue
        for name, group in hub.settings.groups.items():
            if group.source == "sign_in":
                claims = isinstance(sign_in, OpenIdConnect | CILogon)
                yield BadValueError(
                    f"the group {name!r} is to come from the sign-in, which tells no groups",
                    hint="set `groups_claim` in `sign_in`" if claims else "list its members here",
                    where=hub.where("groups", name),
                )


def twins_have_their_own_client(scene: Scene) -> Iterator[Finding]:
    """OAuth providers send people back to one address, so a staging twin needs a client of its own."""
    for hub in scene.hubs.values():
        sign_in, staging = hub.settings.sign_in, hub.settings.staging
        if staging is None or sign_in is None or isinstance(sign_in, SharedPassword | Native):
            continue
        twin = staging.sign_in
        if twin is None:
            yield ConfigError(
                f"the staging twin needs a client of its own at {sign_in.kind}, since its address differs",
                hint="write `staging: {sign_in: {with: …}}`; a shared password does too",
                where=hub.where("staging"),
            )
        elif not isinstance(twin, SharedPassword | Native) and twin.client_id == sign_in.client_id:
            yield BadValueError(
                "the staging twin has the client of its hub, which leads people to the wrong address",
                hint="register another client with the twin's address",
                where=hub.where("staging", "sign_in"),
            )


def passwords_are_long(scene: Scene) -> Iterator[Finding]:
    """Shared passwords have the lengths that JupyterHub asks for, where they can be read here and now."""
    for hub in scene.hubs.values():
        sign_in = hub.settings.sign_in
        if not isinstance(sign_in, SharedPassword):
            continue
        for key, least in (("password", PASSWORD_MIN), ("admin_password", ADMIN_PASSWORD_MIN)):
            reference: SecretReference | None = getattr(sign_in, key)
            text = readable(reference, scene.directory) if reference and not reference.secret else None
            if text is not None and len(text) < least:
                yield BadValueError(
                    f"the {key.replace('_', ' ')} at {reference} is shorter than {least} characters",
                    hint=f"JupyterHub refuses it; make a longer one, or leave `{key}` out to have it generated",
                    where=hub.where("sign_in", key),
                )


def open_sign_up_is_said(scene: Scene) -> Iterator[Finding]:
    """An open sign-up is said openly, even without `allow: {everyone: true}`."""
    for hub in scene.hubs.values():
        sign_in = hub.settings.sign_in
        if isinstance(sign_in, Native) and not sign_in.approval and not hub.settings.allow.everyone:
            yield Notice(
                hub.where("sign_in", "approval"),
                "open-sign-up",
                "everybody who finds the page can sign up; only whom `allow` names can use the hub",
            )


def secrets_exist(scene: Scene) -> Iterator[Finding]:
    """A reference to a file of secrets/ finds an encrypted file there."""
    for hub in scene.hubs.values():
        for path, reference in references(hub):
            try:
                readable(reference, scene.directory)
            except SecretError as error:
                yield ConfigError(error.message, hint=error.hint, where=hub.where(*path))


def references(hub: Draft[HubFile]) -> Iterator[tuple[tuple[str, ...], SecretReference]]:
    """Go through all references to secrets of a hub, with their paths."""
    sign_in = hub.settings.sign_in
    for key in ("password", "admin_password", "client_secret"):
        reference = getattr(sign_in, key, None)
        if isinstance(reference, SecretReference):
            yield ("sign_in", key), reference
    for name, profile in hub.settings.profiles.items():
        for variable, value in profile.variables.items():
            if isinstance(value, SecretReference):
                yield ("profiles", name, "variables", variable), value


def _everybody(sign_in: SignIn) -> str:
    match sign_in:
        case GitHub():
            return "everybody with an account at GitHub"
        case Google():
            return "everybody with a Google account"
        case Native(approval=False):
            return "everybody who finds the sign-up page"
        case OpenIdConnect():
            return "everybody whom the provider knows"
    return ""


def _lets_in(sign_in: SignIn) -> bool:
    match sign_in:
        case GitHub():
            return bool(sign_in.organizations)
        case Google():
            return bool(sign_in.domains)
        case CILogon():
            return True
        case Native():
            return sign_in.approval
    return False


def _ways_in(sign_in: SignIn) -> str:
    rest = "`allow: {people: […]}` or `allow: {everyone: true}`"
    match sign_in:
        case GitHub():
            return f"`organizations` to `sign_in`, {rest}"
        case Google():
            return f"`domains` to `sign_in`, {rest}"
        case SharedPassword():
            return "`allow: {everyone: true}` (all who know the password) or `allow: {people: […]}`"
    return rest


def _tells_groups(sign_in: SignIn) -> bool:
    return isinstance(sign_in, GitHub) or bool(getattr(sign_in, "groups_claim", ""))


CHECKS: tuple[Check, ...] = (
    there_is_a_sign_in,
    somebody_may_use_it,
    admins_are_allowed,
    sign_in_knows_its_groups,
    twins_have_their_own_client,
    passwords_are_long,
    open_sign_up_is_said,
    secrets_exist,
)
