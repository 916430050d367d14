"""Why no versions could be chosen: what uv says, for people. Pure."""

import re
from pathlib import Path

from hubfleet.errors import BuildError


def explained(said: str, working: Path) -> BuildError:
    """Return why no versions could be chosen, in the solver's own words."""
    text = re.sub(rf"{re.escape(str(working))}/(tree/)?", "", said).strip()
    text = re.sub(r"^(error|warning): ", "", text)
    if re.search(r"No solution found", text):
        explanation = re.sub(r"\s+", " ", text.split("╰─▶", 1)[-1]).strip()
        if "only-binary" in text or "no wheels" in text or "has no usable wheels" in text:
            message = "a package comes as source only and would have to be compiled, which is not possible here yet"
        else:
            message = "no versions of the packages fit together"
        return BuildError(message, hint=explanation.replace("+conda", " (of conda)")[:2000])
    if re.search(r"(Failed to fetch|error sending request|Request failed|Could not connect)", text):
        return BuildError("the package index does not answer", hint=_last(text))
    return BuildError("the list of packages cannot be read", hint=text[:2000])


def _last(text: str) -> str:
    lines = text.splitlines()
    return lines[-1].strip()[:500] if lines else ""
