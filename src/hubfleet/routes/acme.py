"""`python -m hubfleet.routes.acme SETTINGS.json`: gets a certificate for each host, and a new one in good time.

Certificates are files in the folder that HAProxy and routes watch, so that a new one cuts nobody off. What could not
be had, and why, is in the log and in a file that `hubfleet status` shows. SIGTERM ends it at any moment.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from pydantic import ValidationError

from hubfleet._kit import logs
from hubfleet._kit.clock import Clock, SystemClock
from hubfleet._kit.files import write_atomic, write_if_changed
from hubfleet.errors import ConfigError, HubfleetError
from hubfleet.model.settings.acme import STATES_FILE, AcmeSettings, CertificateState, CertificateStates
from hubfleet.routes.acme_authority import AcmeAuthority, Authority, NotHadError
from hubfleet.routes.acme_challenges import Challenges, served
from hubfleet.routes.acme_trouble import Trouble

_log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 15, 30, 60, 120, 240, 480, 720))
"""After the first, second, … failure in a row; Let's Encrypt allows five failures an hour for each host."""
LIMITED = timedelta(hours=3)
"""After a refusal for too many requests that does not say for how long."""
LOOK_AGAIN = timedelta(hours=1)
"""At the latest, since clocks are set and machines sleep."""


class Renewals:
    """The certificates of all hosts."""

    def __init__(self, settings: AcmeSettings, authority: Authority, clock: Clock) -> None:
        """Take up what is there; a try that is put off comes sooner, since whoever restarts us has mended something."""
        self._settings = settings
        self._authority = authority
        self._clock = clock
        self._folder = Path(settings.certificates)
        self._path = Path(settings.state_folder) / STATES_FILE
        known = read_states(self._path).hosts
        self._states = {host: self._found(host, known.get(host)) for host in settings.hosts}
        for path in self._folder.glob("*.pem"):
            if path.stem not in self._states:
                path.unlink()
                _log.info("removed the certificate of %s, which is no hub's address any more", path.stem)
        self._write()

    def step(self) -> float:
        """Ask for all certificates that are due; return after how many seconds to come again."""
        for host, state in self._states.items():
            if due(state, self._settings.directory) <= self._clock.now():
                self._states[host] = self._renew(state)
                self._write()
        soonest = min(due(state, self._settings.directory) for state in self._states.values())
        return max(0.0, min(soonest - self._clock.now(), LOOK_AGAIN).total_seconds())

    def _renew(self, state: CertificateState) -> CertificateState:
        now = self._clock.now()
        _log.info("asking %s for a certificate for %s", self._settings.directory, state.host)
        # written down before, so that a crash while asking does not ask again and again
        self._states[state.host] = state.model_copy(
            update={"asking": True, "asked": self._settings.directory, "tried": now, "next_try": now + PAUSES[0]}
        )
        self._write()
        try:
            pem = self._authority.obtain(state.host)
        except NotHadError as error:
            return self._failed(state, error.trouble, now)
        write_atomic(self._folder / f"{state.host}.pem", pem, mode=0o600)
        certificate = x509.load_pem_x509_certificate(pem.encode())
        _log.info("%s has a certificate until %s", state.host, certificate.not_valid_after_utc)
        return _good(state.host, certificate, self._settings.directory)

    def _failed(self, state: CertificateState, trouble: Trouble, now: datetime) -> CertificateState:
        pause = LIMITED if trouble.limited else PAUSES[min(state.failures, len(PAUSES) - 1)]
        next_try = max(now + pause, trouble.not_before or now)
        _log.error(
            "no certificate for %s: %s; what to do: %s; next try %s",
            state.host,
            trouble.problem,
            trouble.hint,
            next_try.isoformat(timespec="seconds"),
        )
        return state.model_copy(
            update={
                "asking": False,
                "asked": self._settings.directory,
                "tried": now,
                "next_try": next_try,
                "failures": state.failures + 1,
                "limited": trouble.limited,
                "problem": trouble.problem,
                "hint": trouble.hint,
            }
        )

    def _found(self, host: str, known: CertificateState | None) -> CertificateState:
        path = self._folder / f"{host}.pem"
        state = (known or CertificateState(host=host)).model_copy(update={"asking": False})
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            state = state.model_copy(update={"expires": None, "renews": None, "directory": ""})
        else:
            # a lost record is no reason to ask again
            good = _good(host, certificate, state.directory or self._settings.directory)
            state = state.model_copy(update=good.model_dump(include={"expires", "renews", "directory"}))
        if state.asked != self._settings.directory:
            return state.model_copy(update={"next_try": None, "failures": 0, "limited": False})
        if state.tried and state.next_try and not state.limited:
            return state.model_copy(update={"next_try": min(state.next_try, state.tried + PAUSES[0])})
        return state

    def _write(self) -> None:
        write_if_changed(self._path, CertificateStates(hosts=self._states).model_dump_json(indent=1), mode=0o600)


def due(state: CertificateState, directory: str) -> datetime:
    """Return when to ask for a certificate: long ago where there is none, or one of another authority."""
    wish = state.renews if state.renews and state.directory == directory else datetime.min.replace(tzinfo=UTC)
    return max(wish, state.next_try) if state.next_try else wish


def renewal_time(certificate: x509.Certificate) -> datetime:
    """Return when to renew: when a third of the lifetime is left, and for some of them up to a tenth of that sooner.

    So hubs that came together do not renew together; the serial number is the dice, so that a restart changes nothing.
    """
    third = (certificate.not_valid_after_utc - certificate.not_valid_before_utc) / 3
    return certificate.not_valid_after_utc - third - third / 10 * (certificate.serial_number % 1000 / 1000)


def read_states(path: Path) -> CertificateStates:
    """Return what was written down; nothing where that is damaged, since certificates speak for themselves."""
    try:
        return CertificateStates.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return CertificateStates()


def _good(host: str, certificate: x509.Certificate, directory: str) -> CertificateState:
    expires = certificate.not_valid_after_utc
    return CertificateState(host=host, expires=expires, renews=renewal_time(certificate), directory=directory)


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m hubfleet.routes.acme", description="Gets certificates.")
    parser.add_argument("settings", type=Path)
    chosen = parser.parse_args()
    logs.set_up()
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = _read_settings(chosen.settings)
        challenges = Challenges()
        authority = AcmeAuthority(settings, challenges, trusted=os.environ.get("SSL_CERT_FILE", ""))
        with served(challenges, settings.listen):
            renewals = Renewals(settings, authority, SystemClock())
            while True:
                over.wait(renewals.step())
    except (HubfleetError, OSError) as error:
        _log.error("%s", error)
    return 1


def _read_settings(path: Path) -> AcmeSettings:
    try:
        return AcmeSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigError(f"{path} is wrong: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
