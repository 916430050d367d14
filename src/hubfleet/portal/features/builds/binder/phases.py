"""What BinderHub's clients read of a build and a launch: one JSON object an event, by its phase. Pure.

https://binderhub.readthedocs.io/en/latest/api.html has the phases; clients tolerate further keys.
"""

from collections.abc import Mapping

from hubfleet.protocol.builds import BuildEvent, BuildState

PHASES = {
    BuildState.QUEUED: "waiting",
    BuildState.FETCHING: "fetching",
    BuildState.RESOLVING: "building",
    BuildState.REALISING: "building",
    BuildState.READY: "built",
    BuildState.FAILED: "failed",
    BuildState.STOPPED: "failed",
}

Phase = Mapping[str, object]


def image_name(digest: str) -> str:
    """Return what stands for an image's name: this hub's spawn page and API understand it."""
    return f"env:{digest}"


def of_build(event: BuildEvent, digest: str) -> Phase:
    """Return a step of a build as BinderHub tells it.

    Args:
        event: the step.
        digest: the environment's, once it is ready.
    """
    told: dict[str, object] = {"phase": PHASES[event.state], "message": f"{event.message}\n"}
    return told | ({"imageName": image_name(digest)} if event.state is BuildState.READY else {})


def failed(message: str, *, status: int = 0) -> Phase:
    """Return the last event of what did not work."""
    return {"phase": "failed", "message": f"{message}\n"} | ({"status_code": status} if status else {})


def launching(message: str) -> Phase:
    """Return a step of a server's start."""
    return {"phase": "launching", "message": f"{message}\n"}


def built_only(digest: str) -> Phase:
    """Return the last event where nothing was to be launched."""
    return {"phase": "ready", "message": "Done! Environment built\n", "imageName": image_name(digest)}
