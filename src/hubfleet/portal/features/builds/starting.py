"""How a server is started with an environment and its repository's files: which files, and which of a person's servers.

Pure.
"""

import hashlib
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from hubfleet.model.content import Content
from hubfleet.portal.look import HUB
from hubfleet.portal.people import Person
from hubfleet.records.entries import BuildEntry

_NAME_MAX = 40


def content_of(build: BuildEntry, person: Person, *, opened: str = "") -> Content | None:
    """Return the files that a person may have in a server; None: a private repository's are for who fetched them."""
    if build.private and build.person != person.name:
        return None
    key = str(build.id) if build.private else ""
    try:
        return Content(repository=build.repository, commit=build.commit, key=key, open=opened)
    except ValidationError:
        # a build that knows no commit yet, or a link that opens what can be no file
        return content_of(build, person) if opened else None


def server_name(content: Content) -> str:
    """Return the name of a person's server for a repository: its own, and digits that tell those of one name apart."""
    told = hashlib.sha256(content.repository.encode()).hexdigest()[:4]
    return f"{content.folder.lower()[:_NAME_MAX].rstrip('.-')}-{told}"


def address(digest: str, build: BuildEntry, person: Person, *, named: bool, opened: str = "") -> str:
    """Return the address of the hub's form that starts a server, filled in.

    Args:
        digest: of the environment.
        build: what it was made from.
        person: who starts.
        named: whether the hub's people may have several servers.
        opened: path in the repository that is to be seen first.
    """
    content = content_of(build, person, opened=opened)
    if content is None:
        return f"{HUB}spawn?{urlencode({'environment': digest})}"
    place = f"/{quote(person.name, safe='@~')}/{quote(server_name(content))}" if named else ""
    told = {name: value for name, value in content.model_dump().items() if value}
    return f"{HUB}spawn{place}?{urlencode({'environment': digest, **told})}"
