"""The one error tree of hubfleet.

Every error that a person may meet is a child of `HubfleetError`; anything else that escapes is a bug and may crash.
Whether to try again is a type: what derives from `TemporaryError` may work later, all else will not.

    HubfleetError
    ├── ConfigError                  what a person wrote is wrong (exit code 2)
    │   ├── ConfigErrors             several of them, shown together
    │   ├── UnknownKeyError          a key that nothing reads
    │   ├── UnknownNameError         a name that points at nothing
    │   ├── BadValueError            a value that cannot work
    │   └── NotSupportedError        a right value that nothing honours yet
    ├── ChoiceError                  a person asked for a server that they may not have
    ├── SecretError                  a secret that cannot be read
    ├── CommandError                 a command that we started failed
    ├── PlanError                    a plan that cannot be made or carried out
    │   ├── WorldChangedError        it was made for another state of the world
    │   └── ProofError               a hub that does not do what it should
    ├── PlatformError                a cluster or machine refuses
    │   └── TemporaryPlatformError   … just now
    ├── LaunchError                  a server that can never start like this
    │   └── TemporaryLaunchError     … just now
    ├── BuildError                   a repository of which no environment can be made
    ├── ProtocolError                a program answered something that makes no sense
    │   ├── RefusedError             a program refused what another asked (signature, right, ceiling)
    │   └── UnreachableError         a program does not answer just now
    └── StateError                   a file of ours is damaged, locked or of another version
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Where:
    """A place in a file that a person wrote: path as given, line counted from 1 (0: the whole file)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class HubfleetError(Exception):
    """An error that a person can understand: what happened, what to do, where."""

    code = "error"

    def __init__(self, message: str, *, hint: str = "", where: Where | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message} [{self.code}]"


class TemporaryError(Exception):
    """Mixed into errors after which the same call may work later."""


class ConfigError(HubfleetError):
    """What a person wrote is wrong."""

    code = "config"


class ConfigErrors(ConfigError):
    """All that is wrong with one set of files."""

    code = "config"

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        super().__init__(f"{len(errors)} error{'s' if len(errors) != 1 else ''} in the configuration")
        self.errors = tuple(errors)


class UnknownKeyError(ConfigError):
    """A key that nothing reads."""

    code = "unknown-key"


class UnknownNameError(ConfigError):
    """A name in the configuration that points at nothing."""

    code = "unknown-name"

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: Where | None = None) -> None:
        super().__init__(
            f"no {kind} named {name!r}",
            hint=f"known {kind}s: {', '.join(sorted(known)) or 'none'}",
            where=where,
        )


class BadValueError(ConfigError):
    """A value that cannot work."""

    code = "bad-value"


class NotSupportedError(ConfigError):
    """A right value that nothing honours yet on the chosen cluster."""

    code = "not-supported"


class ChoiceError(HubfleetError):
    """A person asked for a server that they may not have; `field` is the question it is about."""

    code = "choice"

    def __init__(self, field: str, reason: str, *, hint: str = "") -> None:
        super().__init__(reason, hint=hint)
        self.field = field


class SecretError(HubfleetError):
    """A secret that cannot be read; never carries the secret."""

    code = "secret"


class CommandError(HubfleetError):
    """A command that we started failed."""

    code = "command"


class PlanError(HubfleetError):
    """A plan that cannot be made or carried out."""

    code = "plan"


class WorldChangedError(PlanError):
    """The plan was made for another state of the world."""

    code = "world-changed"


class ProofError(PlanError):
    """A hub does not do what it should: a real server did not run a real notebook."""

    code = "proof"


class PlatformError(HubfleetError):
    """A cluster or machine refuses what apply asks of it."""

    code = "platform"


class TemporaryPlatformError(PlatformError, TemporaryError):
    """A cluster or machine refuses just now."""

    code = "platform-busy"


class LaunchError(HubfleetError):
    """A server that can never start like this."""

    code = "launch"


class TemporaryLaunchError(LaunchError, TemporaryError):
    """A server that cannot start just now: full, or the cluster cannot be reached."""

    code = "launch-later"


class BuildError(HubfleetError):
    """A repository, or a list of packages, of which no environment can be made as it is."""

    code = "build"


class ProtocolError(HubfleetError):
    """A program answered something that makes no sense."""

    code = "protocol"


class RefusedError(ProtocolError):
    """A program refused what another asked of it."""

    code = "refused"

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnreachableError(ProtocolError, TemporaryError):
    """A program does not answer just now."""

    code = "unreachable"


class StateError(HubfleetError):
    """A file of ours is damaged, locked by another program, or of another version."""

    code = "state"
