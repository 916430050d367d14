"""Lines that ask for a package out of the repository itself, such as `-e .`; what leads elsewhere is refused. Pure.

Paths in a requirements.txt are relative to the root, where repo2docker runs pip, or to the file where that leads out of
the repository; those in an environment.yml to the file's folder, where conda runs pip
(https://github.com/conda/conda/blob/main/conda/env/installers/pip.py, `pip_workdir`).
"""

import re
from posixpath import join, normpath
from urllib.parse import SplitResult, unquote, urlsplit

from hubfleet.agent.environments.specification import Own
from hubfleet.errors import BuildError

_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s*=\s*|\s+)(?P<rest>.*)")
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*\s*(?:\[(?P<extras>[^\]]*)\])?\s*@\s*(?P<rest>.*)")
_EXTRAS = re.compile(r"(?P<path>.*?)\s*\[(?P<extras>[\w.,\s-]*)\]")
_PATH = re.compile(r"\.{0,2}/|\.{1,2}(?:$|\s|\[|;)|file:|[\w.][\w.-]*/")
_ADDRESS = re.compile(r"(?:git|hg|svn|bzr)\+|https?:", re.IGNORECASE)
_FOLDER = re.compile(r"(?!\.\.?(?:/|$))[^/\s#]+(?:/(?!\.\.?(?:/|$))[^/\s#]+)*")
_BUILT = (".whl", ".tar.gz", ".zip", ".tar.bz2")


def parse(line: str, where: str, folders: tuple[str, ...], repository: str) -> tuple[Own, str] | None:
    """Return what a line asks for of the repository itself, and what is to be said of it; None: it is an ordinary one.

    Args:
        line: of a list of packages, without a comment.
        where: its number and file in errors.
        folders: what paths are relative to; the first of them counts that does not lead out of the repository.
        repository: its address.

    Raises:
        BuildError: it leads elsewhere.
    """
    editable = _EDITABLE.fullmatch(line.strip())
    rest = (editable["rest"] if editable else line).strip()
    named = _NAMED.fullmatch(rest)
    target = (named["rest"] if named else rest).strip()
    if not (editable or named or _PATH.match(target) or _ADDRESS.match(target)):
        return None
    target, marker = re.split(r"\s+;|;\s+|\s;", target, maxsplit=1)[0].strip(), ";" in target
    if marker:
        raise _refused(where, line, "conditions after `;` cannot be honoured for it", "remove the condition")
    note = f"{where}: it is installed as an ordinary package, not as an editable one" if editable else ""
    if _ADDRESS.match(target):
        found, ref = _of_address(target, where, line, repository)
        note = f"{where}: the files of this commit are meant, not those of {ref[:80]!r}" if ref else note
    else:
        found = _of_path(target, where, line, folders)
    extras = (*found.extras, *_split(named["extras"] or "" if named else ""))
    return Own(found.folder, tuple(sorted(set(extras))), where), note


def is_folder(folder: str) -> bool:
    """Say whether it names a folder of a repository; empty is its root."""
    return not folder or bool(_FOLDER.fullmatch(folder))


def _of_path(target: str, where: str, line: str, folders: tuple[str, ...]) -> Own:
    extras = _EXTRAS.fullmatch(target)
    path = extras["path"] if extras else target
    if path.startswith("file:"):
        path = unquote(path.removeprefix("file:"))
    if path.endswith(_BUILT):
        raise _refused(where, line, "a package that is a file cannot be installed yet", "name its folder, or a version")
    for folder in folders:
        whole = normpath(join(folder, path))
        if not (path.startswith("/") or whole == ".." or whole.startswith("../")):
            break
    else:
        raise _refused(
            where, line, "this leads out of the repository", "name a folder of the repository, such as `-e .`"
        )
    if not is_folder(whole) and whole != ".":
        raise _refused(where, line, "no folder has such a name", "name a folder of the repository, such as `-e .`")
    return Own("" if whole == "." else whole, _split(extras["extras"]) if extras else ())


def _of_address(target: str, where: str, line: str, repository: str) -> tuple[Own, str]:
    """Return what is asked for of this repository by its address, and the ref that is named."""
    bare, _, fragment = target.partition("#")
    try:
        asked, here = urlsplit(bare.removeprefix("git+")), urlsplit(repository)
        path, _, ref = asked.path.partition("@")
        same = bare.startswith("git+") and _place(asked._replace(path=path)) == _place(here)
    except ValueError:
        same, ref = False, ""
    if not same:
        raise _refused(
            where,
            line,
            "packages that come from an address cannot be installed yet",
            "name a version from the package index instead",
        )
    told = dict(part.partition("=")[::2] for part in fragment.split("&"))
    found = _of_path(unquote(told.get("subdirectory") or "."), where, line, ("",))
    egg = _EXTRAS.fullmatch(told.get("egg", ""))
    return Own(found.folder, _split(egg["extras"]) if egg else ()), ref


def _place(address: SplitResult) -> tuple[str, str]:
    """Return by what two addresses of one repository are known."""
    path = re.sub(r"/+$", "", address.path).removesuffix(".git").strip("/")
    host = (address.hostname or "").lower()
    # where names are alike whatever their case
    path = path.lower() if host in {"github.com", "gitlab.com"} else path
    port = f":{address.port}" if address.port else ""
    return (f"{host}{port}", path) if address.scheme in {"http", "https"} else ("", address.geturl())


def _split(extras: str) -> tuple[str, ...]:
    return tuple(filter(None, (extra.strip() for extra in extras.split(","))))


def _refused(where: str, line: str, message: str, hint: str) -> BuildError:
    return BuildError(f"{where}: {message}: {line.strip()[:80]!r}", hint=hint)
