"""From a link to a kernel: a person of a real hub starts a server with an environment."""

import asyncio
import json
from collections.abc import Iterator

import pytest

import environments
from hubfleet.protocol.client import AgentClient
from hubfleet.protocol.signing import CallerKey
from machines import CLUSTER, Machine, machine, up
from people import Member, member
from programs import ask, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("machine")]
BUILDS = "sign_in: {with: shared-password}\nallow: {everyone: true}\nfeatures: {builds: true}\n"
PLAIN = "sign_in: {with: shared-password}\nallow: {everyone: true}\n"
UNKNOWN = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def fleet() -> Iterator[Machine]:
    """Two hubs, one of them with builds."""
    with machine({"hubs/ocean.yaml": BUILDS, "hubs/maths.yaml": PLAIN}) as made, up(made):
        yield made


@pytest.fixture(scope="module")
def digest(fleet: Machine) -> str:
    """Make an environment, as a portal would let it be made."""

    async def make() -> str:
        key = CallerKey("operator", fleet.secret("operator", "agent-key"))
        client = AgentClient(f"unix:{fleet.data}/run/agent-{CLUSTER}.sock", cluster=CLUSTER, key=key)
        try:
            return await environments.made(client, environments.lock("ipykernel", "six==1.15.0"))
        finally:
            await client.close()

    return asyncio.run(make())


def test_a_link_shows_the_environment_and_the_form_starts_it(fleet: Machine, digest: str) -> None:
    """Nothing starts by the link; the server that the form starts has the environment's kernel."""
    ann = member(fleet, "ann")
    shown = ann.ask("GET", f"/hub/spawn?environment={digest}")
    assert shown.status == 200
    assert f'value="{digest}" selected>The environment {digest[:12]}<' in shown.text
    assert ann.server() == {}
    ann.ask("POST", "/hub/spawn", form={"profile": "standard", "environment": digest, "_xsrf": ann.cookies["_xsrf"]})
    wait_for("the server", lambda: ann.server().get("ready"), timeout_s=120, every_s=0.1)
    assert _kernel(fleet, ann) == "Python 3.11 (environment)"
    ann.stop()
    # and is remembered, with the way back
    again = ann.ask("GET", "/hub/spawn")
    assert f'value="{digest}" selected>The environment {digest[:12]}<' in again.text
    ann.ask("POST", "/hub/spawn", form={"profile": "standard", "environment": "", "_xsrf": ann.cookies["_xsrf"]})
    wait_for("the server", lambda: ann.server().get("ready"), timeout_s=120, every_s=0.1)
    assert _kernel(fleet, ann) == "Python 3 (ipykernel)"
    ann.stop()
    assert "The environment" not in ann.ask("GET", "/hub/spawn").text


def test_an_environment_that_the_cluster_does_not_know_says_what_to_do(fleet: Machine) -> None:
    """By the REST API, which passes the agent's own words on."""
    answer = member(fleet, "bob").call("POST", "/users/bob/server", {"environment": UNKNOWN})
    assert answer.status >= 400
    assert "not known on this cluster" in answer.text


@pytest.mark.parametrize(
    ("hub", "asked", "why"),
    [("ocean", "abc", "64 digits"), ("ocean", 7, "must be a name"), ("maths", UNKNOWN, "own software only")],
)
def test_a_wrong_environment_is_refused_with_the_reason(fleet: Machine, hub: str, asked: object, why: str) -> None:
    """Before any agent is asked, and everywhere that has no builds."""
    answer = member(fleet, "cyd", hub=hub).call("POST", "/users/cyd/server", {"environment": asked})
    assert answer.status == 422
    assert why in json.loads(answer.text)["message"]


def _kernel(fleet: Machine, person: Member) -> str:
    host = f"{person.name}.{person.hub}.localhost:{fleet.port}"
    headers = {"Authorization": f"token {person.token_of_server()}"}
    answer = ask(fleet.port, f"/user/{person.name}/api/kernelspecs", host=host, headers=headers)
    return str(json.loads(answer.text)["kernelspecs"]["python3"]["spec"]["display_name"])
