"""Kinds of text that people write, each with an error that says what is allowed."""

import ipaddress
import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from hubfleet._kit.names import is_label
from hubfleet.model import person_names

_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_OWN_VARIABLES = {"HOME", "USER", "LOGNAME", "PATH", "SHELL"}
_OWN_PREFIXES = ("JUPYTERHUB_", "HUBFLEET_", "JPY_")


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """Make the error of a validator; `{key}` in the message becomes the key's name."""
    return PydanticCustomError("hubfleet", "{message}", {"message": message, "hint": hint})


def _label(text: str) -> str:
    if not is_label(text):
        raise wrong(f"{text[:60]!r} is not fit for a name", "1-30 of a-z, 0-9 and single `-`, first a letter")
    return text


def _person(text: str) -> str:
    lower = person_names.normal(text)
    if not person_names.valid(lower):
        raise wrong(f"{text[:60]!r} cannot be a person's name", "a name as the sign-in gives it, without spaces or `/`")
    if text != lower:
        raise wrong(f"{text[:60]!r} has capitals", f"JupyterHub keeps names in lower case: write {lower!r}")
    return text


def _group(text: str) -> str:
    if not text or text != text.strip() or len(text) > 255:
        raise wrong(f"{text[:60]!r} cannot be a group's name", "a word without spaces at its ends")
    return text


def _host(text: str) -> str:
    if len(text) > 200 or not all(_HOST_LABEL.fullmatch(label) for label in text.split(".")):
        raise wrong(f"{text[:60]!r} is not fit for DNS", "a name such as hub.example.org: lower case, no port")
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise wrong(f"{text[:60]!r} cannot name a variable", "letters, digits and `_`, first no digit")
    if text in _OWN_VARIABLES or text.startswith(_OWN_PREFIXES):
        raise wrong(f"{text} is set by hubfleet itself", "choose another name")
    return text


def _colour(text: str) -> str:
    if not _COLOUR.fullmatch(text):
        raise wrong(f"{text[:20]!r} is not a colour", 'write it as "#0b6e4f", in quotes')
    return text


def _path(text: str) -> str:
    parts = text.split("/")
    if not text or "\0" in text or ".." in parts or text.startswith(("/", "~")):
        raise wrong(f"{text[:60]!r} is not a path within the fleet's folder", "a path such as files/logo.svg")
    return text


def _url_path(text: str) -> str:
    if text and (not text.startswith("/") or text.startswith("//") or any(char.isspace() for char in text)):
        raise wrong(f"{text[:60]!r} is not a path of a server", "begin with `/`, such as /lab/tree/start.ipynb")
    return text


def _web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+[^\s]*", text):
        raise wrong(f"{text[:60]!r} is not a web address", "write it in full, such as https://example.org/help")
    return text


def _index(text: str) -> str:
    _web_address(text)
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise wrong("the address of a package index must not hold a password", "let the index be readable without one")
    return text


def _channel(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,62}", text):
        raise wrong(f"{text[:60]!r} is not the name of a channel", "as repositories name it, such as conda-forge")
    return text


def _server(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text):
            raise wrong(f"{text[:60]!r} is no host", "write its name alone, such as git.example.org") from None
    return text.lower()


def _entity(text: str) -> str:
    if not re.fullmatch(r"urn:[^\s]+", text):
        _web_address(text)
    return text


def _number_as_text(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


Label: TypeAlias = Annotated[str, AfterValidator(_label)]
"""A name fit for DNS and paths."""
PersonName: TypeAlias = Annotated[str, AfterValidator(_person)]
"""A person as the sign-in names them, in lower case as JupyterHub keeps it."""
ServerAddress: TypeAlias = Annotated[str, AfterValidator(_server)]
"""A host name, or an address by numbers, without scheme and port."""
GroupName: TypeAlias = Annotated[str, AfterValidator(_group)]
"""A group of a hub."""
HostName: TypeAlias = Annotated[str, AfterValidator(_host)]
"""A full host name."""
VariableName: TypeAlias = Annotated[str, AfterValidator(_variable)]
"""An environment variable that hubfleet does not set itself."""
VariableText: TypeAlias = Annotated[str, BeforeValidator(_number_as_text, json_schema_input_type=str | int)]
"""The value of an environment variable; whole numbers become text."""
Colour: TypeAlias = Annotated[str, AfterValidator(_colour)]
"""A colour as #rrggbb."""
FleetPath: TypeAlias = Annotated[str, AfterValidator(_path)]
"""A file, by its path from the fleet's folder and within it."""
UrlPath: TypeAlias = Annotated[str, AfterValidator(_url_path)]
"""Where a server's page opens: a path below the server's own address, or empty."""
WebAddress: TypeAlias = Annotated[str, AfterValidator(_web_address)]
"""A full http or https address."""
PackageIndex: TypeAlias = Annotated[str, AfterValidator(_index)]
"""The address of a package index, such as https://pypi.org/simple."""
ChannelName: TypeAlias = Annotated[str, AfterValidator(_channel)]
"""A conda channel, as an environment.yml names it."""
EntityId: TypeAlias = Annotated[str, AfterValidator(_entity)]
"""How SAML names an identity provider: a web address, or a urn."""
Title: TypeAlias = Annotated[str, Field(min_length=1, max_length=120)]
"""A line that people read."""
