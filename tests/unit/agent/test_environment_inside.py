"""What a server with an environment sees and is told, besides what each server does."""

import json
from pathlib import Path, PurePosixPath

import pytest

from fake_agent import INSIDE, number, wanted
from hubfleet.agent.launchers import inside
from hubfleet.agent.launchers.base import LaunchRequest
from hubfleet.agent.launchers.sandbox import Bind
from hubfleet.errors import LaunchError

DIGEST = "0123456789abcdef" * 4
BASE, ENVIRONMENT = Path("/software/base"), Path("/software/environment")
FACTS = {"address": "10.0.0.2", "port": "8888"}


def launched(environment: Path | None) -> LaunchRequest:
    request = wanted(environment=DIGEST if environment else "base")
    return LaunchRequest(number(), request, 200_000, Path("/homes/a"), BASE, environment=environment)


def test_it_is_seen_read_only_at_its_own_path_beside_the_base_software() -> None:
    """Paths within software hold only where it is."""
    binds = inside.box(launched(ENVIRONMENT), (), INSIDE).binds
    assert Bind(ENVIRONMENT, PurePosixPath(ENVIRONMENT)) in binds
    assert Bind(BASE, PurePosixPath(BASE)) in binds
    assert ENVIRONMENT not in {bind.source for bind in inside.box(launched(None), (), INSIDE).binds}


def test_the_server_is_the_base_softwares_and_its_programs_come_last() -> None:
    """A terminal finds the environment's programs before those of the same name that the server brings."""
    told = inside.instructions(launched(ENVIRONMENT), FACTS, INSIDE)
    assert str(told["command"]).startswith(f"['{BASE}/bin/python'")
    assert (told["software"], told["environment"]) == (str(ENVIRONMENT), DIGEST[:12])
    path = inside.variables(launched(ENVIRONMENT), FACTS, INSIDE)["PATH"]
    assert path == f"{ENVIRONMENT}/bin:{BASE}/bin:/usr/local/bin:/usr/bin:/bin"


def test_without_one_it_is_told_of_the_base_software_only() -> None:
    """Everyone else's starts are as they were."""
    told = inside.instructions(launched(None), FACTS, INSIDE)
    assert (told["software"], told["environment"]) == (str(BASE), "")
    path = inside.variables(launched(None), FACTS, INSIDE)["PATH"]
    assert path == f"{BASE}/bin:/usr/local/bin:/usr/bin:/bin"


def test_one_without_a_python_kernel_is_refused_and_the_base_software_never(tmp_path: Path) -> None:
    """The hint says what to add, and that there is another way."""
    inside.require_kernel(launched(None))
    (tmp_path / "lib/python3.12/site-packages/ipykernel").mkdir(parents=True)
    with pytest.raises(LaunchError, match="no Python kernel") as refused:
        inside.require_kernel(launched(tmp_path))
    assert "ipykernel" in refused.value.hint
    (tmp_path / "lib/python3.12/site-packages/ipykernel/kernelapp.py").touch()
    inside.require_kernel(launched(tmp_path))


@pytest.mark.parametrize(
    ("origins", "told"),
    [
        ([], None),
        (["*"], {"allow_origin": "*", "allow_credentials": False}),
        (
            ["https://docs.example.org", "http://a.test:8000"],
            {
                "allow_origin_pat": r"^(?:https://docs\.example\.org|http://a\.test:8000)$",
                "allow_credentials": False,
            },
        ),
    ],
)
def test_other_origins_are_named_to_the_server_where_there_are_some(
    origins: list[str], told: dict[str, object] | None
) -> None:
    """In a file of the machine's, by which nbgitpuller's pages are off in every server."""
    request = LaunchRequest(number(), wanted(allowed_origins=origins), 200_000, Path("/homes/a"), BASE)
    text = inside.box(request, (), INSIDE).texts.get("/etc/jupyter/jupyter_server_config.json")
    assert json.loads(text or "") == {"ServerApp": {"jpserver_extensions": {"nbgitpuller": False}, **(told or {})}}


def test_a_token_in_an_address_counts_where_the_request_says_so() -> None:
    """For who has no session at the hub, and nobody else."""
    request = LaunchRequest(number(), wanted(token_in_address=True), 200_000, Path("/homes/a"), BASE)
    text = inside.box(request, (), INSIDE).texts["/etc/jupyter/jupyter_server_config.json"]
    assert json.loads(text)["HubOAuth"] == {"allow_token_in_url": True}
