"""When certificates are asked for, what is written where, and what operators are told when there is none."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import acme.errors
import acme.messages
import pytest
import requests
from cryptography import x509

from hubfleet.model.settings.acme import STATES_FILE, AcmeSettings, CertificateState
from hubfleet.routes.acme import LIMITED, PAUSES, Renewals, due, read_states, renewal_time
from hubfleet.routes.acme_authority import Authority, NotHadError
from hubfleet.routes.acme_challenges import Challenges
from hubfleet.routes.acme_trouble import Trouble, explain
from hubfleet.routes.certificates import self_signed
from hubfleet.testing.clock import FakeClock

HOST = "ocean.example.org"
DIRECTORY = "https://authority.example.org/directory"


class Scripted(Authority):
    """Signs each certificate itself, or fails as often as a test wants."""

    def __init__(self) -> None:
        self.troubles: list[Trouble] = []
        self.asked: list[str] = []

    def obtain(self, host: str) -> str:
        """Return a certificate, or the next trouble."""
        self.asked.append(host)
        if self.troubles:
            raise NotHadError(self.troubles.pop(0))
        return self_signed([host], days=90)


@pytest.fixture
def authority() -> Scripted:
    """One that signs."""
    return Scripted()


@pytest.fixture
def clock() -> FakeClock:
    """Begins now, since certificates do."""
    return FakeClock(datetime.now(UTC))


def settings(folder: Path, *hosts: str, directory: str = DIRECTORY) -> AcmeSettings:
    """Return settings with folders that exist."""
    for name in ("certificates", "state"):
        (folder / name).mkdir(exist_ok=True)
    return AcmeSettings.model_validate(
        {
            "mail": "ada@example.org",
            "directory": directory,
            "hosts": hosts or (HOST,),
            "listen": {"address": "127.0.0.1", "port": 1},
            "http_port": 8080,
            "certificates": str(folder / "certificates"),
            "state_folder": str(folder / "state"),
        }
    )


def test_each_host_gets_a_file_that_only_its_owner_reads(tmp_path: Path, authority: Scripted, clock: FakeClock) -> None:
    """NAME.pem holds certificate and key, mode 0600."""
    Renewals(settings(tmp_path, HOST, "coast.example.org"), authority, clock).step()
    for host in (HOST, "coast.example.org"):
        path = tmp_path / "certificates" / f"{host}.pem"
        assert path.stat().st_mode & 0o777 == 0o600
        assert "PRIVATE KEY" in path.read_text()
    assert (tmp_path / "state" / STATES_FILE).stat().st_mode & 0o777 == 0o600


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(
    tmp_path: Path, authority: Scripted, clock: FakeClock
) -> None:
    """Not after 56 days of 90, but after 60."""
    renewals = Renewals(settings(tmp_path), authority, clock)
    renewals.step()
    clock.advance(56 * 86400)
    renewals.step()
    assert len(authority.asked) == 1
    clock.advance(4 * 86400)
    renewals.step()
    assert len(authority.asked) == 2


def test_certificates_that_came_together_are_renewed_apart() -> None:
    """Renewal times of equal certificates differ, by a tenth of the last third at most."""
    found = [x509.load_pem_x509_certificate(self_signed([HOST], days=90).encode()) for _ in range(5)]
    left = {item.not_valid_after_utc - renewal_time(item) for item in found}
    assert len(left) > 1
    assert all(timedelta(days=30) <= item <= timedelta(days=33.01) for item in left)


def test_failures_are_tried_again_later_and_later(tmp_path: Path, authority: Scripted, clock: FakeClock) -> None:
    """Each pause is the next of the list, and the last one stays."""
    authority.troubles = [Trouble("why", "what")] * 10
    renewals = Renewals(settings(tmp_path), authority, clock)
    seen = []
    for _ in range(10):
        renewals.step()
        state = read_states(tmp_path / "state" / STATES_FILE).hosts[HOST]
        assert state.next_try
        seen.append(state.next_try - clock.now())
        clock.advance(seen[-1].total_seconds())
    assert tuple(seen) == (*PAUSES, PAUSES[-1], PAUSES[-1])


def test_a_failure_is_written_down_with_reason_and_advice(
    tmp_path: Path, authority: Scripted, clock: FakeClock
) -> None:
    """`status` reads both, and they are gone with the next certificate."""
    authority.troubles = [Trouble("port 80 is closed", "open it")]
    renewals = Renewals(settings(tmp_path), authority, clock)
    renewals.step()
    state = read_states(tmp_path / "state" / STATES_FILE).hosts[HOST]
    assert (state.problem, state.hint, state.failures, state.asking) == ("port 80 is closed", "open it", 1, False)
    clock.advance(60)
    renewals.step()
    state = read_states(tmp_path / "state" / STATES_FILE).hosts[HOST]
    assert (state.problem, state.failures) == ("", 0)


def test_one_host_that_fails_keeps_no_other_from_its_certificate(
    tmp_path: Path, authority: Scripted, clock: FakeClock
) -> None:
    """The second is asked for although the first failed."""
    authority.troubles = [Trouble("why", "what")]
    Renewals(settings(tmp_path, HOST, "coast.example.org"), authority, clock).step()
    assert (tmp_path / "certificates" / "coast.example.org.pem").exists()


def test_a_restart_asks_for_nothing_that_is_there(tmp_path: Path, authority: Scripted, clock: FakeClock) -> None:
    """Not even when the record of it is lost."""
    Renewals(settings(tmp_path), authority, clock).step()
    (tmp_path / "state" / STATES_FILE).write_text("damaged")
    Renewals(settings(tmp_path), authority, clock).step()
    assert len(authority.asked) == 1


def test_a_restart_brings_a_put_off_try_near_but_no_limit(
    tmp_path: Path, authority: Scripted, clock: FakeClock
) -> None:
    """An operator who mended DNS waits a minute at most; an authority that asked for patience has it."""
    authority.troubles = [Trouble("why", "what")] * 3
    renewals = Renewals(settings(tmp_path), authority, clock)
    for pause in (0, 60, 900):
        clock.advance(pause)
        renewals.step()
    again = Renewals(settings(tmp_path), authority, clock)
    assert again.step() == 60
    authority.troubles = [Trouble("too many", "wait", limited=True)]
    clock.advance(60)
    again.step()
    assert read_states(tmp_path / "state" / STATES_FILE).hosts[HOST].next_try == clock.now() + LIMITED
    Renewals(settings(tmp_path), authority, clock).step()
    assert len(authority.asked) == 4


def test_another_authority_is_asked_at_once(tmp_path: Path, authority: Scripted, clock: FakeClock) -> None:
    """From a staging directory to the real one, whatever the first one limited."""
    Renewals(settings(tmp_path), authority, clock).step()
    Renewals(settings(tmp_path, directory="https://other.example.org/"), authority, clock).step()
    assert len(authority.asked) == 2


def test_certificates_of_removed_hubs_go(tmp_path: Path, authority: Scripted, clock: FakeClock) -> None:
    """Their file is removed at the next start."""
    Renewals(settings(tmp_path), authority, clock).step()
    Renewals(settings(tmp_path, "coast.example.org"), authority, clock)
    assert not (tmp_path / "certificates" / f"{HOST}.pem").exists()


def test_a_crash_while_asking_is_no_reason_to_ask_at_once(tmp_path: Path, clock: FakeClock) -> None:
    """The try was written down before it began."""

    class Crashing(Authority):
        def obtain(self, host: str) -> str:
            raise RuntimeError(host)

    with pytest.raises(RuntimeError):
        Renewals(settings(tmp_path), Crashing(), clock).step()
    assert Renewals(settings(tmp_path), Crashing(), clock).step() == 60


def test_what_was_never_had_is_due() -> None:
    """At once."""
    assert due(CertificateState(host=HOST), DIRECTORY) < datetime(2000, 1, 1, tzinfo=UTC)


def test_only_what_is_asked_for_just_now_is_answered() -> None:
    """A token is answered within its block, and nothing else is."""
    challenges = Challenges()
    path = "/.well-known/acme-challenge/token"
    with challenges.answered("token", "token.thumb"):
        assert challenges.answer(path) == "token.thumb"
        assert challenges.answer("/token") is None
    assert challenges.answer(path) is None


def refused(code: str, detail: str = "its own words") -> acme.messages.Error:
    """Return an authority's refusal."""
    return acme.messages.Error.with_code(code, detail=detail)


@pytest.mark.parametrize(
    ("error", "problem", "hint"),
    [
        (refused("dns"), "finds no address for ocean.example.org (its own words)", "DNS record"),
        (refused("connection"), "cannot reach ocean.example.org at port 80", "to port 8080 of this machine"),
        (refused("unauthorized"), "another web server answers", "to this machine alone"),
        (refused("caa"), "forbids", "CAA"),
        (refused("rateLimited"), "patience", "staging"),
        (refused("malformed"), "the authority refuses (its own words)", "tried again"),
        (requests.exceptions.SSLError(), "does not trust", "SSL_CERT_FILE"),
        (requests.exceptions.ConnectionError(), "cannot be reached", "firewall"),
        (acme.errors.TimeoutError(), "in time", "tried again"),
        (acme.errors.IssuanceError(refused("rejectedIdentifier")), "signs nothing", "domain"),
        (ValueError("no JSON"), "makes no sense: no JSON", "acme_directory"),
    ],
)
def test_each_trouble_is_said_with_what_to_do(error: Exception, problem: str, hint: str) -> None:
    """In words for operators, with the authority's own."""
    trouble = explain(error, HOST, http_port=8080, directory=DIRECTORY)
    assert problem in trouble.problem
    assert hint in trouble.hint


def test_a_limit_says_until_when() -> None:
    """Let's Encrypt writes the time into its words."""
    detail = "too many certificates (5) already issued, retry after 2026-03-01 10:20:30 UTC: see https://…"
    trouble = explain(refused("rateLimited", detail), HOST, http_port=80, directory=DIRECTORY)
    assert trouble.not_before == datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)
