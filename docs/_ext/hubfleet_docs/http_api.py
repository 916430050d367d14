"""An HTTP API as a page, from its OpenAPI description."""

from typing import Any

from hubfleet.protocol import messages
from hubfleet_docs.models import cleaned, fallback


def page(intro: str, described: dict[str, Any], anchor: str) -> str:
    """Return the page of one API.

    Args:
        intro: what stands on top, with the heading.
        described: OpenAPI document.
        anchor: what the names of this page's anchors begin with.
    """
    parts = [intro, "## Routes\n"]
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            parts.append(_route(method, path, route))
    parts.append("## Data\n")
    for name, schema in sorted(described["components"]["schemas"].items()):
        if name not in {"HTTPValidationError", "ValidationError"}:
            parts.append(_schema(name, schema))
    # one place knows which page an anchor is on
    return "\n".join(parts).replace("ANCHOR-", f"{anchor}-")


def _route(method: str, path: str, route: dict[str, Any]) -> str:
    lines = [f"### `{method.upper()} {path}`", "", cleaned(route.get("description") or route["summary"]), ""]
    for item in route.get("parameters", ()):
        lines.append(f"- `{item['name']}` ({item['in']}): {cleaned(item.get('description')) or _type(item['schema'])}")
    body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        lines.append(f"- body: {_type(body)}")
    refusals = [status for status in sorted(route["responses"]) if int(status) >= 400]
    for status, answer in sorted(route["responses"].items()):
        if status in refusals:
            continue
        content = next(iter(answer.get("content", {}).values()), {}).get("schema")
        lines.append(f"- {status}: {_type(content) if content else answer['description']}")
    if refusals:
        lines.append(f"- {', '.join(refusals)}: [Problem](#ANCHOR-problem)")
    return "\n".join([*lines, ""])


def _schema(name: str, schema: dict[str, Any]) -> str:
    lines = [f"(ANCHOR-{name.lower()})=", f"### {name}", "", cleaned(schema.get("description")), ""]
    model = getattr(messages, name, None)
    if "enum" in schema:
        lines += [" · ".join(f"`{value}`" for value in schema["enum"]), ""]
        if model is messages.StopReason:
            lines += ["What they mean is told in [](errors.md).", ""]
    for key, value in schema.get("properties", {}).items():
        needed = "; needed" if key in schema.get("required", ()) else ""
        lines += [f"`{key}` (*{_type(value)}{needed}*)", f": {cleaned(value.get('description')) or fallback(key)}", ""]
    return "\n".join(lines)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#ANCHOR-{name.lower()})"
    if "anyOf" in schema or "allOf" in schema:
        return " or ".join(dict.fromkeys(_type(item) for item in schema.get("anyOf") or schema["allOf"]))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    return {"date-time": "time (RFC 3339)"}.get(schema.get("format", ""), str(schema.get("type", "anything")))
