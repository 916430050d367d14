"""Write the table that `hubfleet.hub.checks` checks against, from the JupyterHub installed here.

Run it after JupyterHub or an authenticator has been updated; a test says when.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

from traitlets import (
    Any,
    Bool,
    Bytes,
    Callable,
    CInt,
    Dict,
    Enum,
    Float,
    Integer,
    List,
    Set,
    TraitType,
    Tuple,
    Type,
    Unicode,
    Union,
)
from traitlets.config import Configurable

CLASSES = (
    "jupyterhub.app:JupyterHub",
    "jupyterhub.auth:Authenticator",
    "jupyterhub.authenticators.shared:SharedPasswordAuthenticator",
    "jupyterhub.proxy:Proxy",
    "jupyterhub.proxy:ConfigurableHTTPProxy",
    "jupyterhub.spawner:Spawner",
    "nativeauthenticator:NativeAuthenticator",
    "oauthenticator.oauth2:OAuthenticator",
    "oauthenticator.cilogon:CILogonOAuthenticator",
    "oauthenticator.generic:GenericOAuthenticator",
    "oauthenticator.github:GitHubOAuthenticator",
    "oauthenticator.google:GoogleOAuthenticator",
)
KINDS = (
    (Union, "union"),
    (Bool, "bool"),
    (Integer, "int"),
    (CInt, "int"),
    (Float, "float"),
    (Type, "class"),
    (Unicode, "text"),
    (Bytes, "bytes"),
    (Dict, "map"),
    ((List, Set, Tuple), "list"),
    (Callable, "python"),
    (Enum, "enum"),
    (Any, "any"),
)


def kind_of(trait: TraitType) -> list[str]:
    """Return which kinds of YAML values a trait takes."""
    for cls, kind in KINDS:
        if type(trait) is TraitType:
            return ["any"]
        if isinstance(trait, cls):
            kinds = [found for inner in trait.trait_types for found in kind_of(inner)] if kind == "union" else [kind]
            return sorted({*kinds, *(["null"] if trait.allow_none else [])})
    return ["any"]


def table() -> dict[str, dict[str, list[str]]]:
    """Return kinds by class and trait."""
    found = {}
    for name in CLASSES:
        module, _, cls_name = name.partition(":")
        cls: type[Configurable] = getattr(import_module(module), cls_name)
        found[cls_name] = {
            trait: ["python"] if trait.endswith("_hook") else kind_of(kind)
            for trait, kind in sorted(cls.class_traits(config=True).items())
        }
    return found


def scopes() -> list[str]:
    """Return the names of JupyterHub's scopes."""
    return sorted(import_module("jupyterhub.scopes").scope_definitions)


def text() -> str:
    """Return the file's content."""
    version = import_module("jupyterhub").__version__
    return json.dumps({"jupyterhub": version, "classes": table(), "scopes": scopes()}, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "src/hubfleet/hub/traits.json").write_text(text())
