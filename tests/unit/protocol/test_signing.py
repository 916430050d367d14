"""Signed commands: what is accepted once, and what never."""

from datetime import UTC, datetime, timedelta

import pytest

from hubfleet.errors import RefusedError
from hubfleet.protocol.signing import Caller, CallerKey, Verifier, sign

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Fixed:
    """A clock that stands still."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


KEY = CallerKey.new("hub-a")
REQUEST = {"method": "PUT", "path": "/v1/servers/x?y=1", "body": b"{}"}


def verifier(clock: Fixed | None = None, audience: str = "west") -> Verifier:
    seen: set[str] = set()

    def once(number: str, _expiry: float) -> bool:
        if number in seen:
            return False
        seen.add(number)
        return True

    caller = Caller(name="hub-a", role="hub", hub="a", public_key=KEY.public())
    return Verifier({"hub-a": caller}, audience=audience, once=once, clock=clock or Fixed())


def signed(**changes: object) -> str:
    return sign(KEY, audience="west", clock=Fixed(), **{**REQUEST, **changes})  # type: ignore[arg-type]


def test_a_signed_command_is_accepted_from_its_caller() -> None:
    """The verifier names the caller who signed."""
    assert verifier().verify(signed(), **REQUEST).hub == "a"


def test_a_command_is_accepted_once() -> None:
    """A copied command is refused."""
    checker, header = verifier(), signed()
    checker.verify(header, **REQUEST)
    with pytest.raises(RefusedError, match="sent before"):
        checker.verify(header, **REQUEST)


@pytest.mark.parametrize("change", [{"method": "GET"}, {"path": "/v1/servers/z"}, {"body": b"[]"}])
def test_a_signature_holds_for_one_request_only(change: dict[str, object]) -> None:
    """Method, path and body are bound by the signature."""
    with pytest.raises(RefusedError, match="another request"):
        verifier().verify(signed(), **{**REQUEST, **change})


def test_a_signature_for_one_cluster_is_refused_by_another() -> None:
    """The audience is bound by the signature."""
    with pytest.raises(RefusedError, match="another request"):
        verifier(audience="east").verify(signed(), **REQUEST)


@pytest.mark.parametrize("late", [61, 3600, -3600])
def test_a_signature_expires_on_the_agents_clock(late: int) -> None:
    """An old command, or one from far ahead, is refused."""
    with pytest.raises(RefusedError, match="expired"):
        verifier(Fixed(NOW + timedelta(seconds=late))).verify(signed(), **REQUEST)


@pytest.mark.parametrize("header", ["", "Bearer x", "Hubfleet x", "Hubfleet a.b.c", "Hubfleet bnVsbA.b.c"])
def test_garbage_is_refused(header: str) -> None:
    """Whatever comes instead of a signature is a refusal, not a crash."""
    with pytest.raises(RefusedError) as refusal:
        verifier().verify(header, **REQUEST)
    assert refusal.value.status == 401


def test_a_stranger_with_a_known_name_is_refused() -> None:
    """The name alone proves nothing."""
    stranger = CallerKey.new("hub-a")
    with pytest.raises(RefusedError, match="not valid"):
        verifier().verify(sign(stranger, audience="west", clock=Fixed(), **REQUEST), **REQUEST)


def test_the_algorithm_none_is_refused() -> None:
    """An unsigned token with a known name is refused."""
    with pytest.raises(RefusedError):
        verifier().verify("Hubfleet eyJhbGciOiJub25lIiwia2lkIjoiaHViLWEifQ.e30.", **REQUEST)
