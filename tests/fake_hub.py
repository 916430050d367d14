"""A hub of dictionaries: answers whose tokens are, and keeps users with their servers as JupyterHub's REST API does."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ACCESS = "access:services!service=portal"
PORTAL = "/services/portal/"
SERVICE_TOKEN = "service-token-of-the-portal"


class FakeHub:
    """Knows some tokens, gives one for each code, and has servers that are ready as soon as they are asked for."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, object]] = {}
        self.codes: dict[str, tuple[str, str]] = {}
        """Token and challenge for each code."""
        self.answers_with = 200
        self.asked = 0
        self.users: dict[str, dict[str, object]] = {}
        """By name, as the REST API shows them to the portal."""
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        """When servers begin."""
        self.stopping: set[str] = set()
        """Users who cannot be removed yet."""
        named = "/hub/api/users/{name}"
        self.app = Starlette(
            routes=[
                Route("/hub/api/user", self.user),
                Route("/hub/api/oauth2/token", self.token, methods=["POST"]),
                Route("/hub/api/users", self.listed),
                Route(named, self.one, methods=["GET", "POST", "DELETE"]),
                Route(f"{named}/tokens", self.new_token, methods=["POST"]),
                Route(f"{named}/server", self.start, methods=["POST"]),
            ]
        )

    def person(self, name: str, *scopes: str, kind: str = "user", groups: Sequence[str] = ()) -> str:
        """Return a new token of somebody."""
        token = f"token-of-{name}-{secrets.token_hex(4)}"
        self.tokens[token] = {"kind": kind, "name": name, "groups": list(groups), "scopes": list(scopes or [ACCESS])}
        return token

    def server(self, name: str, **changes: object) -> dict[str, object]:
        """Give somebody a server that runs since now, and return it as the REST API shows it."""
        now = self.now.isoformat()
        made: dict[str, object] = {
            "ready": True,
            "pending": None,
            "started": now,
            "last_activity": now,
            "full_url": f"http://{name}.ocean.localhost:8000/user/{name}/",
            "user_options": {},
            **changes,
        }
        user = self.users.setdefault(name, {"name": name, "created": now, "servers": {}})
        user["servers"] = {"": made}
        return made

    async def user(self, request: Request) -> JSONResponse:
        """Say whose a token is."""
        self.asked += 1
        if self.answers_with != 200:
            return JSONResponse({}, self.answers_with)
        model = self.tokens.get(_token(request))
        return JSONResponse({"status": 403}, 403) if model is None else JSONResponse(model)

    async def token(self, request: Request) -> JSONResponse:
        """Give the token for a code."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        token, challenge = self.codes.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        right = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        known = (form["client_id"], form["client_secret"]) == ("service-portal", SERVICE_TOKEN)
        if not (right and known and form["redirect_uri"] == f"{PORTAL}oauth_callback"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": token, "token_type": "Bearer"})

    async def listed(self, request: Request) -> JSONResponse:
        """List everybody."""
        if _token(request) != SERVICE_TOKEN:
            return JSONResponse({"message": "no"}, 403)
        return JSONResponse(list(self.users.values()))

    async def one(self, request: Request) -> Response:
        """Show, make or remove somebody."""
        name = request.path_params["name"]
        if request.method == "POST":
            if name in self.users:
                return JSONResponse({"message": f"User {name} already exists"}, 409)
            self.users[name] = {"name": name, "created": self.now.isoformat(), "servers": {}}
            return JSONResponse(self.users[name], 201)
        if name not in self.users:
            return JSONResponse({"message": "Not Found"}, 404)
        if request.method == "GET":
            return JSONResponse(self.users[name])
        if name in self.stopping:
            return JSONResponse({"message": f"{name}'s server is in the process of stopping"}, 400)
        del self.users[name]
        self.tokens = {token: model for token, model in self.tokens.items() if model["name"] != name}
        return Response(status_code=204)

    async def new_token(self, request: Request) -> JSONResponse:
        """Make a token."""
        asked = await request.json()
        token = self.person(request.path_params["name"], *asked["scopes"])
        self.tokens[token]["expires_in"] = asked["expires_in"]
        return JSONResponse({"token": token}, 201)

    async def start(self, request: Request) -> Response:
        """Start a server."""
        self.server(request.path_params["name"], user_options=await request.json())
        return Response(status_code=201)

    def authorize(self, location: str, token: str) -> str:
        """Return where the hub sends a browser back to, once its person has signed in."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(4)
        self.codes[code] = (token, asked["code_challenge"])
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"


def _token(request: Request) -> str:
    return request.headers["authorization"].partition(" ")[2]
