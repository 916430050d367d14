"""What the agent will not do for a caller, with the status that says so."""

from hubfleet.agent.store import StoreFullError
from hubfleet.errors import RefusedError, TemporaryError


class NotFoundError(RefusedError):
    """There is no such thing, or it is another hub's: the answer is the same for both."""

    code = "not-found"

    def __init__(self, what: str) -> None:
        super().__init__(f"no such {what}", status=404)


class ConflictError(RefusedError):
    """Something newer, or something else, is there already."""

    code = "conflict"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, status=409, hint=hint)


class CeilingError(RefusedError):
    """The request asks for more than the agent ever gives, or for something that it does not know."""

    code = "ceiling"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, status=422, hint=hint)


class FullError(RefusedError, TemporaryError):
    """There is no room just now."""

    code = "full"

    def __init__(self, message: str, *, retry_after_s: float, hint: str = "") -> None:
        super().__init__(message, status=429, hint=hint)
        self.retry_after_s = retry_after_s


class DiskFullError(StoreFullError):
    """The disk is too full to start anything."""

    def __init__(self) -> None:
        super().__init__("the disk is full: nothing new is started", hint="free some space where the agent's data is")
