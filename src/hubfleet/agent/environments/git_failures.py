"""What git, or a step of `fetching`, said when it failed, in words for who asked. Pure."""

import re

from hubfleet.errors import BuildError


def failure(step: str, detail: str, repository: str, ref: str) -> BuildError:
    """Return what a failed step means to the person who asked.

    Args:
        step: the step of `fetching` that failed.
        detail: what git, or the step, said.
        repository: what was asked for.
        ref: what was asked for.
    """
    own = {
        "ref": (f"{repository} has no branch, tag or commit {ref!r}", "check its spelling, or leave it out"),
        "submodule": (f"{detail}: a submodule's path leads out of the repository", "it is a folder of the repository"),
        "gitmodules": ("the repository's .gitmodules cannot be read", detail.strip()[-300:]),
        "missing": (f"there is no {detail} in the repository", "a file that is included must be there"),
        "large": (f"the file {detail} is larger than 4 MB", "a specification is a short list of packages"),
        "huge": (f"{repository} holds {detail}, too much for a copy", "ask the operator, or fetch it in a terminal"),
        "moved": (f"{ref} names another commit by now", "build it again"),
        "outside": (f"a link or include leads out of the repository: {detail}", "include files of the repository only"),
    }
    if step in own:
        return BuildError(own[step][0], hint=own[step][1])
    for pattern, message, hint in _GIT_SAYS:
        if re.search(pattern, detail, re.IGNORECASE):
            return BuildError(message.format(repository=repository), hint=hint)
    lines = [line for line in detail.splitlines() if line.startswith(("fatal:", "error:"))] or detail.splitlines()
    return BuildError(f"git cannot fetch {repository}", hint=lines[-1][:500] if lines else "")


_PRIVATE = "check the address; if it is private, give a token that may read it"
_GIT_SAYS = (
    (r"could not read (Username|Password)|Authentication failed|HTTP.* (401|403)|error: (401|403)",
     "{repository} does not exist, or is private", _PRIVATE),
    (r"repository '.*' not found|error: 404|does not appear to be a git repository|not valid: is this a git",
     "there is no git repository at {repository}", _PRIVATE),
    (r"unable to update url base from redirection|error: 30\d",
     "{repository} sends on to another address", "give the address that it leads to"),
    (r"Could not resolve host", "the host of {repository} cannot be found", "check the address"),
    (r"Operation too slow|timed out|Failed to connect|Connection refused|Couldn't connect|Empty reply|Recv failure",
     "the server of {repository} does not answer", "try again later; nothing was lost"),
    (r"File size limit exceeded|No space left", "{repository} is too large to fetch here", "ask the operator"),
    (r"SSL|certificate", "the certificate of {repository} is not trusted", "ask whoever runs that server"),
)  # fmt: skip
