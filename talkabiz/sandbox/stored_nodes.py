"""Nodes as JSON, for a file. Not as bytes of the wire: the library's next version has another dictionary for those."""

from __future__ import annotations

import base64
from typing import Any

from talkabiz.sandbox.nodes import Attribute, Content, Jid, Node


def to_json(node: Node) -> list[Any]:
    attrs = {name: _attribute_to_json(value) for name, value in node.attrs.items()}
    return [node.tag, attrs, _content_to_json(node.content)]


def from_json(found: list[Any]) -> Node:
    """ValueError, KeyError or TypeError for what isn't one."""
    tag, attrs, content = found
    return Node(str(tag), {name: _attribute_from_json(value) for name, value in attrs.items()}, _content_from(content))


def _attribute_to_json(value: Attribute) -> Any:
    return [value.user, value.server, value.device, value.integrator] if isinstance(value, Jid) else value


def _attribute_from_json(value: Any) -> Attribute:
    return Jid(*value) if isinstance(value, list) else str(value)


def _content_to_json(content: Content) -> Any:
    if isinstance(content, tuple):
        return {"nodes": [to_json(child) for child in content]}
    if isinstance(content, bytes):
        return {"bytes": base64.b64encode(content).decode()}
    return None if content is None else {"value": _attribute_to_json(content)}


def _content_from(found: Any) -> Content:
    if found is None:
        return None
    if "nodes" in found:
        return tuple(from_json(child) for child in found["nodes"])
    if "bytes" in found:
        return base64.b64decode(found["bytes"])
    return _attribute_from_json(found["value"])
