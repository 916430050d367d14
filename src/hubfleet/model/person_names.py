"""Names of people: which are safe, and how a name is brought into JupyterHub's lower case."""

import unicodedata

LENGTH_MAX = 255
"""Of JupyterHub's column `users.name`."""


def normal(name: str) -> str:
    """Return a name in lower case, as JupyterHub keeps it; one that must not be lowered comes back as it is.

    Lower case of some letters beyond ASCII is a letter of ASCII: the Kelvin sign becomes `k`, so that a stranger with
    it in their name would become somebody else. Such names stay as they are, and `valid` refuses them.
    """
    if any(not char.isascii() and any(low.isascii() for low in char.lower()) for char in name):
        return name
    return name.lower()


def valid(name: str) -> bool:
    """Say whether a normal name can be a person's: one that looks like no other and fits into pages, paths and logs.

    Invisible and control characters, spaces at the ends and `/` are refused, and what Unicode could also write in
    another way (not NFC); spaces within, `@`, `:`, and letters of any script are fine.
    """
    return (
        0 < len(name) <= LENGTH_MAX
        and name == name.strip()
        and name.isprintable()
        and "/" not in name
        and name == name.lower()
        and unicodedata.is_normalized("NFC", name)
    )
