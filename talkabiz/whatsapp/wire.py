"""The library's protobufs, and addresses in them.

Importing them loads the library, so it is done when the first one is needed: by then it is there.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from typing import Any

_JID = re.compile(r"([0-9]{1,20}(?:-[0-9]{1,20})?)@(s\.whatsapp\.net|lid|g\.us)", re.ASCII)


@cache
def library() -> Any:
    """What it takes and returns, and its events."""
    return importlib.import_module("neonize.proto.Neonize_pb2")


@cache
def e2e() -> Any:
    """What people say to each other."""
    return importlib.import_module("neonize.proto.waE2E.WAWebProtobufsE2E_pb2")


def jid(text: str) -> Any:
    """The library's form of `user@server`: a person or a group. ValueError: it ends the process over a wrong one."""
    found = _JID.fullmatch(text)
    if not found:
        raise ValueError(f"not the address of a person or a group: {text[:60]!r}")
    return library().JID(User=found[1], Server=found[2], RawAgent=0, Device=0, Integrator=0)


def address(jid: Any) -> str:
    """`user@server` without the device, or empty."""
    user, server = text(jid.User), text(jid.Server)
    return f"{user}@{server}" if user else ""


def text(value: str | bytes) -> str:
    """What isn't UTF-8 comes as bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
