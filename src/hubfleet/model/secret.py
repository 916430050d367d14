"""Secrets are never written where they are used: only references are, read at the last moment."""

import hashlib
from typing import Annotated, Self, TypeAlias

from pydantic import BeforeValidator, model_validator

from hubfleet.model.base import StrictModel
from hubfleet.model.text import wrong


class SecretReference(StrictModel):
    """Where a secret is kept; exactly one of the three."""

    secret: str = ""
    """Name of an age-encrypted file of the fleet: `secrets/<name>.age`."""
    env: str = ""
    """Environment variable of the program that applies the fleet, for CI systems that keep secrets this way."""
    file: str = ""
    """File of the machine that applies the fleet; not from the fleet's folder unless git ignores it."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [self.secret, self.env, self.file].count("") != 2:
            raise wrong("name one place where the secret is", "{secret: NAME}, {env: NAME} or {file: PATH}")
        if "/" in self.secret or self.secret.startswith("."):
            raise wrong(f"{self.secret[:60]!r} is not a name", "the file's name below secrets/, without .age")
        return self

    @property
    def file_name(self) -> str:
        """Return the name of the file in which a machine keeps what the reference leads to."""
        return f"given-{hashlib.sha256(str(self).encode()).hexdigest()[:16]}"

    def __str__(self) -> str:
        """Show the reference, which is no secret."""
        kind = "secret" if self.secret else "env" if self.env else "file"
        return f"{{{kind}: {getattr(self, kind)}}}"


def _not_plain(value: object) -> object:
    if isinstance(value, str | int | float):
        raise wrong(
            "a secret in plain text", "refer to it as {secret: NAME}, {env: NAME} or {file: PATH}; make a new one"
        )
    return value


Secret: TypeAlias = Annotated[SecretReference, BeforeValidator(_not_plain, json_schema_input_type=SecretReference)]
"""A reference to a secret; the secret itself is an error that does not repeat it."""
