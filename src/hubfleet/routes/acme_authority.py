"""Asks a certificate authority for certificates, with certbot's `acme` library (RFC 8555); blocks."""

import hashlib
import json
from abc import ABC, abstractmethod
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import acme.client
import acme.crypto_util
import acme.errors
import acme.messages
import josepy
import requests
from acme.challenges import HTTP01
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hubfleet import __version__
from hubfleet._kit.files import write_atomic
from hubfleet.model.settings.acme import AcmeSettings
from hubfleet.routes.acme_challenges import Challenges
from hubfleet.routes.acme_trouble import Trouble, explain

ORDER_S = 120
"""How long one certificate may take."""


class NotHadError(Exception):
    """No certificate could be had, for the reason in `trouble`."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.problem)
        self.trouble = trouble


class Authority(ABC):
    """Who signs certificates."""

    @abstractmethod
    def obtain(self, host: str) -> str:
        """Return a new certificate for a host, its chain and its new key, as PEM; takes seconds to minutes.

        Raises:
            NotHadError: none could be had, now or ever.
        """


class AcmeAuthority(Authority):
    """One that speaks ACME and proves who we are by HTTP-01."""

    def __init__(self, settings: AcmeSettings, challenges: Challenges, *, trusted: str = "") -> None:
        """Make it; nothing is asked yet.

        Args:
            settings: who it is and who we are.
            challenges: where its challenges are answered.
            trusted: file with the certificates that its own must be signed by; empty: those that the system trusts.
        """
        self._settings = settings
        self._challenges = challenges
        self._trusted = trusted

    def obtain(self, host: str) -> str:
        """Return a new certificate for a host, its chain and its new key."""
        try:
            return self._obtain(host)
        except (acme.errors.Error, josepy.errors.Error, requests.exceptions.RequestException, ValueError) as error:
            settings = self._settings
            trouble = explain(error, host, http_port=settings.http_port, directory=settings.directory)
            raise NotHadError(trouble) from error

    def _obtain(self, host: str) -> str:
        key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account_key = self._account_key()
        client = self._client(account_key)
        order = client.new_order(acme.crypto_util.make_csr(key, [host]))
        # the library compares with the machine's own time, without a zone
        deadline = datetime.now() + timedelta(seconds=ORDER_S)  # noqa: DTZ005
        with ExitStack() as answered:
            for authorization in order.authorizations:
                if authorization.body.status == acme.messages.STATUS_VALID:
                    continue
                challenge = _http(authorization)
                response, validation = challenge.response_and_validation(account_key)
                answered.enter_context(self._challenges.answered(challenge.chall.encode("token"), validation))
                client.answer_challenge(challenge, response)
            done = client.poll_and_finalize(order, deadline)
        return f"{done.fullchain_pem.strip()}\n{key.decode()}"

    def _client(self, account_key: josepy.JWKEC) -> acme.client.ClientV2:
        """Return a client with an account, which is opened where there is none yet for this key."""
        net = acme.client.ClientNetwork(
            account_key, alg=josepy.ES256, verify_ssl=self._trusted or True, user_agent=f"hubfleet/{__version__}"
        )
        client = acme.client.ClientV2(acme.client.ClientV2.get_directory(self._settings.directory, net), net)
        asked = acme.messages.NewRegistration.from_data(email=self._settings.mail, terms_of_service_agreed=True)
        try:
            client.new_account(asked)
        except acme.errors.ConflictError as known:
            net.account = acme.messages.RegistrationResource(uri=known.location, body=acme.messages.Registration())
        return client

    def _account_key(self) -> josepy.JWKEC:
        """Return the key of our account there, made once; each authority has its own."""
        name = hashlib.sha256(self._settings.directory.encode()).hexdigest()[:12]
        path = Path(self._settings.state_folder) / f"account-{name}.json"
        if path.exists():
            return josepy.JWK.from_json(json.loads(path.read_text()))
        key = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
        write_atomic(path, json.dumps(key.to_json()), mode=0o600)
        return key


def _http(authorization: acme.messages.AuthorizationResource) -> acme.messages.ChallengeBody:
    for challenge in authorization.body.challenges:
        if isinstance(challenge.chall, HTTP01):
            return challenge
    raise acme.errors.ClientError("it offers no HTTP-01 challenge")
