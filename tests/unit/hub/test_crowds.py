"""How many servers run at once."""

import pytest

from hubfleet.hub import crowds
from hubfleet.hub.failures import StartError
from hubfleet.model.hub import Hub
from unit.hub.sign_in.kinds import KINDS, program


@pytest.mark.parametrize("others", [["waves"], ["", "waves"], []])
def test_a_person_runs_as_many_servers_as_the_file_says(others: list[str]) -> None:
    crowds.check_person(_hub(), "tides", others)


def test_the_default_server_always_may_run() -> None:
    crowds.check_person(_hub(), "", ["a", "b", "c"])


def test_one_server_too_many_is_refused_with_those_that_run() -> None:
    with pytest.raises(StartError, match=r"2 servers with names running already.*: a, b.*Stop one of them") as error:
        crowds.check_person(_hub(), "tides", ["b", "", "a"])
    assert error.value.status_code == 429


def _hub() -> Hub:
    hub: Hub = program(KINDS["shared-password"], named_servers=2).hub
    return hub
