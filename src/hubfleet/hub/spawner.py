"""AgentSpawner: JupyterHub's servers, started and watched by agents.

It holds no server itself: starting is a signed command with an id that can be derived again, polling reads a list, and
a stop that cannot be carried out just now is kept (`stops`). So the hub may be killed at any moment and ends nobody's
server.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from jupyterhub.spawner import Spawner
from jupyterhub.utils import url_path_join

from hubfleet._kit import names
from hubfleet.errors import ChoiceError, HubfleetError, TemporaryError
from hubfleet.hub import crowds, failures, requests, software, spawn_page
from hubfleet.hub.agents import AgentLink, Seen
from hubfleet.hub.context import HubContext
from hubfleet.hub.document import FRESH_S
from hubfleet.hub.roles import CHECK_USER
from hubfleet.hub.stops import Stop
from hubfleet.model.document import HubDocument
from hubfleet.model.guests import is_guest
from hubfleet.policy.choices import Chosen, Person
from hubfleet.policy.environments import overrides
from hubfleet.policy.validate import validate
from hubfleet.protocol.messages import Event, Server, ServerRequest, ServerState, StopReason

RETRY_S = 1.0
ANSWER_S = 1.0
QUIET_S = 5.0
STEP_S = 0.1
STOP_S = 20.0

JUPYTERHUBS_OWN = frozenset({"next", "display_name", "_xsrf"})
"""Query arguments that are not choices."""

Answer = TypeVar("Answer")


class AgentSpawner(Spawner):
    """One server of one person, on whichever cluster was chosen."""

    context: ClassVar[HubContext]

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._cluster = ""
        self._checked_at_start = False
        self._choice: Chosen | None = None
        self._steps: list[Event] = []
        self._starting = False
        if self.orm_spawner is not None:
            self.context.spawners.add(self)

    @property
    def server_id(self) -> str:
        """The server's lasting id."""
        return names.server_id(self.context.settings.uuid, self.user.orm_user.id, self.name)

    @property
    def link(self) -> AgentLink:
        """The line to the agent of this server's cluster."""
        return self.context.links[self.cluster]

    @property
    def cluster(self) -> str:
        """The cluster where the server runs, or would."""
        options = self.orm_spawner.user_options if self.orm_spawner else None
        chosen = self._cluster or str((options or {}).get("cluster", ""))
        return chosen if chosen in self.context.links else self.context.settings.agents[0].cluster

    @property
    def repository(self) -> str:
        """The address of the repository whose files it has, or is about to have; empty: of none."""
        content = self._choice.files.content if self._choice else None
        if content is not None:
            return content.repository
        asked = (self.orm_spawner.user_options or {}).get("content") if self.orm_spawner else None
        return str(asked.get("repository", "")) if isinstance(asked, dict) else ""

    # what JupyterHub keeps

    def get_state(self) -> dict[str, Any]:
        """Return what a later hub process needs to find the server again."""
        state: dict[str, Any] = super().get_state()
        if self._cluster:
            state["cluster"] = self._cluster
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take what an earlier hub process kept."""
        super().load_state(state)
        self._cluster = str(state.get("cluster", ""))

    def clear_state(self) -> None:
        """Forget where the last server ran."""
        super().clear_state()
        self._cluster = ""

    # what a person chooses

    async def get_options_form(self) -> str:
        """Return the fields of the spawn page; there always are some, or JupyterHub would start on any GET."""
        query = self._query()
        before = self.orm_spawner.user_options or {}
        remembered = spawn_page.from_link(query) if query else before
        portal = self.context.document
        # a link may name what was made an instant ago
        told = await portal.fresh(0 if query else FRESH_S) if portal is not None else HubDocument()
        return spawn_page.render(self.context.settings.hub, self._person(), remembered, told, before)

    def options_from_form(self, form_data: dict[str, list[str]]) -> dict[str, Any]:
        """Turn the posted form into what JupyterHub keeps and `choose` checks."""
        return spawn_page.parse(self.context.settings.hub, self._person(), form_data)

    def options_from_query(self, query_data: dict[str, list[str]]) -> dict[str, Any]:
        """Refuse to start by a link: JupyterHub then shows the form, prefilled from the same query."""
        raise spawn_page.ByLinkError

    async def choose(self, user_options: dict[str, Any]) -> None:
        """Check what was asked for, by form or REST alike, and note what follows (JupyterHub's `apply_user_options`).

        Profiles have the environments that the portal tells now, or told last.

        Raises:
            StartError: with status 422, the field and the reason.
        """
        portal = self.context.document
        told = await portal.fresh(0) if portal is not None else HubDocument()
        try:
            self._choice = validate(self.context.settings.hub, overrides(told), self._person(), user_options)
        except ChoiceError as error:
            raise failures.StartError(error.message, hint=error.hint, reason="choice", status_code=422) from error
        others = self.context.others(self.server_id)
        crowds.check(self.context.settings.hub, self.repository, [other.repository for other in others])
        mine = [other.name for other in others if other.user.orm_user.id == self.user.orm_user.id]
        crowds.check_person(self.context.settings.hub, self.name, mine)

    # life

    async def start(self) -> str:
        """Let the agent start the server; return its URL when it answers."""
        chosen = self._choice
        if chosen is None:
            raise failures.StartError("nothing was chosen")
        self._cluster = chosen.cluster
        self._steps, self._starting = [], True
        self.context.stops.withdraw(self.server_id)
        request = self._request(chosen)
        key = f"{self.server_id}:{request.generation.isoformat()}"
        await software.brought(chosen.environment, self.link.client, self.context.portal, self._cluster)
        try:
            async with self.link.events(self.server_id) as events:
                answer = await self._again(
                    lambda: self.link.client.start_server(self.server_id, request, idempotency_key=key)
                )
                self.api_token = answer.api_token.get_secret_value()
                self.link.note(answer.server)
                return await self._until_running(answer.server, events)
        except HubfleetError as error:
            raise failures.from_error(error) from error
        finally:
            self._starting = False

    async def poll(self) -> int | None:
        """Return None while the server runs or nothing is known of it, else 0; never raises, never waits."""
        return 0 if self.link.seen(self.server_id) is Seen.GONE else None

    async def get_url(self) -> str:
        """Wait until the server answers or is known to be gone; JupyterHub asks at its own start only.

        This wait keeps an unreachable cluster from costing anybody a server: JupyterHub stops what does not answer its
        check.
        """
        self._checked_at_start = True
        while True:
            seen, known = self.link.seen(self.server_id), self.link.server(self.server_id)
            if seen is Seen.GONE:
                self.http_timeout = 1
                return str(self.server.url)
            if known is not None and known.url and await self._answers(known.url):
                return known.url
            await asyncio.sleep(ANSWER_S)

    def start_polling(self) -> None:
        """Note that JupyterHub's check at its start is over."""
        self._checked_at_start = False
        super().start_polling()

    async def stop(self, now: bool = False) -> None:
        """End the server, or keep the wish; never raises, since JupyterHub would forget the server all the same."""
        self._revoke_tokens()
        if self._checked_at_start and self.link.seen(self.server_id) is not Seen.GONE:
            self.log.warning("%s did not pass the check at the hub's start; its server is left alone", self._log_name)
            return
        stop = Stop(self.cluster, self.server_id, self._stop_reason(), self._generation())
        if await self.context.stops.carry_out(stop, self.link):
            await self._until_gone()

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the steps of a start as JupyterHub's progress events."""
        shown = 0
        while self._starting or shown < len(self._steps):
            for event in self._steps[shown:]:
                yield {"progress": event.progress, "message": failures.sentence(event.message)}
            shown = len(self._steps)
            await asyncio.sleep(STEP_S)

    # in small

    def _person(self) -> Person:
        """Return the server's owner as policy sees him; the proof's own user may choose everything."""
        user = self.user.orm_user
        groups = frozenset(group.name for group in user.groups)
        if is_guest(user.name):
            return Person(user.name, guest=True)
        return Person(user.name, groups, admin=bool(user.admin) or user.name == CHECK_USER)

    def _query(self) -> dict[str, list[str]]:
        """Return what a link asks for, where the form is shown for one."""
        if self.handler is None or self.handler.request.method != "GET":
            return {}
        given = self.handler.request.query_arguments.items()
        found = {name: [value.decode("utf8", "replace") for value in values] for name, values in given}
        return {name: values for name, values in found.items() if name not in JUPYTERHUBS_OWN}

    def _request(self, chosen: Chosen) -> ServerRequest:
        program = self.context.settings
        return requests.build(
            program.hub,
            self._person(),
            chosen,
            server_name=self.name,
            generation=self._generation() or datetime.now(UTC),
            environment=self.get_env(),
            api_token=self.api_token,
            secrets=Path(program.secrets),
        )

    async def _until_running(self, server: Server, events: "asyncio.Queue[Event]") -> str:
        while server.state is not ServerState.RUNNING:
            if not server.state.live:
                raise failures.StartError(server.message or "the server did not start", hint=server.hint)
            server = await self._next(server, events)
        self.link.note(server)
        return server.url

    async def _next(self, server: Server, events: "asyncio.Queue[Event]") -> Server:
        """Wait for the next step; ask the agent itself at the end, and when events stay away (a line that broke)."""
        try:
            async with asyncio.timeout(QUIET_S):
                event = await events.get()
        except TimeoutError:
            event = None
        if event is not None:
            self._steps.append(event)
            if event.state in {ServerState.QUEUED, ServerState.STARTING}:
                return server
        return await self._again(lambda: self.link.client.server(self.server_id))

    async def _again(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Call the agent until it answers; JupyterHub's limit for a start ends it."""
        while True:
            try:
                return await call()
            except TemporaryError as error:
                self.log.warning("%s: %s; trying again", self._log_name, error)
                await asyncio.sleep(RETRY_S)

    async def _until_gone(self) -> None:
        try:
            async with asyncio.timeout(STOP_S):
                while self.link.seen(self.server_id) is Seen.LIVE:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            self.log.warning("%s has been told to stop and takes its time", self._log_name)

    async def _answers(self, url: str) -> bool:
        return await requests.answers(url_path_join(url, self.server.base_url, "api"))

    def _generation(self) -> datetime | None:
        started = self.orm_spawner.started
        return started.replace(tzinfo=UTC) if started else None

    def _stop_reason(self) -> StopReason:
        culling, last = self.context.settings.hub.culling, self.orm_spawner.last_activity
        started = self._generation()
        now = datetime.now(UTC)
        idle, age = timedelta(minutes=culling.idle_minutes), timedelta(hours=culling.max_age_hours)
        if idle and last is not None and now - last.replace(tzinfo=UTC) >= idle:
            return StopReason.CULLED
        if age and started and now - started >= age:
            return StopReason.CULLED
        return StopReason.PERSON

    def _revoke_tokens(self) -> None:
        """Delete the server's tokens; after a restart JupyterHub no longer knows which they were."""
        if self.server is None:
            return
        note = f"Server at {self.server.base_url}"
        for token in [token for token in self.user.orm_user.api_tokens if token.note == note]:
            self.user.db.delete(token)
        self.user.db.commit()
