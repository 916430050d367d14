"""Starts that fail, said so that JupyterHub shows it in each place where a person may look.

JupyterHub's form shows `str()` of most exceptions; `jupyterhub_message` is what its "Spawn failed" page and progress
bar show (notes in docs/explanation/jupyterhub.md).
"""

from jupyterhub.spawner import SpawnException

from hubfleet.errors import HubfleetError, RefusedError, TemporaryError

REFUSED_BY_CEILING = 422
FULL = 429


class StartError(SpawnException):
    """A start that failed, with its cause and the next step in plain words."""

    def __init__(self, message: str, *, hint: str = "", reason: str = "failed", status_code: int = 500) -> None:
        text = f"{sentence(message)} {sentence(hint)}".strip()
        super().__init__(text, reason=reason, status_code=status_code)
        self.jupyterhub_message = text

    def __str__(self) -> str:
        return str(self.message)


def from_error(error: HubfleetError) -> StartError:
    """Turn an error of the agent, or of the way to it, into what the person sees."""
    if isinstance(error, RefusedError):
        if error.status == FULL:
            return StartError(error.message, hint=error.hint or "try again in a minute", reason="full", status_code=503)
        if error.status == REFUSED_BY_CEILING:
            return StartError(error.message, hint=error.hint, reason="ceiling", status_code=422)
        return StartError(error.message, hint=error.hint, reason="refused")
    if isinstance(error, TemporaryError):
        return StartError(
            "the computers that servers run on do not answer just now",
            hint="nothing is lost; try again in a minute, and tell your hub's admins if it lasts",
            reason="unreachable",
            status_code=503,
        )
    return StartError(error.message, hint=error.hint)


def sentence(text: str) -> str:
    """Give a text a capital and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
