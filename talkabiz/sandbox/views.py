"""What the control API says and takes: JSON shapes, in both directions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from talkabiz.sandbox.accounts import Account, Device
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.faults import Fault
from talkabiz.sandbox.nodes import Jid

LARGEST_BODY = 64 << 10

KlienOf: TypeAlias = Callable[[str], int | None]
"""From a device's JID to the klien whose device it is, where the product runs in the same process."""

Fields: TypeAlias = Mapping[str, tuple[type, ...]]
"""The types that each field of a body may have; `type(None)` among them makes it optional."""


def phone_view(account: Account, online: set[Jid], klien_of: KlienOf) -> dict[str, Any]:
    devices = [device_view(device, online, klien_of) for device in account.shown_devices]
    return {"number": account.number, "name": account.name, "lid": str(account.lid), "devices": devices}


def device_view(device: Device, online: set[Jid], klien_of: KlienOf) -> dict[str, Any]:
    """`ready`: online, and its keys are here, so that it can read what is sent to it from now on."""
    return {
        "device": device.id,
        "jid": str(device.jid),
        "lid": str(device.lid),
        "platform": device.platform,
        "linked_at": datetime.fromtimestamp(device.linked_at, UTC).isoformat(timespec="milliseconds"),
        "online": device.jid in online,
        "ready": device.jid in online and bool(device.bundle.lasting),
        "klien_id": klien_of(str(device.jid)),
    }


def fault_view(fault: Fault, seconds_left: float | None) -> dict[str, Any]:
    return {
        "id": fault.id,
        "fault": fault.name,
        "number": fault.number,
        "count": fault.count,
        "seconds": fault.seconds,
        "seconds_left": seconds_left,
        "hit": fault.hit,
    }


def problem_view(error: SandboxError) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": error.en,
        "status": error.status,
        "code": error.code,
        "message": {"id": error.id, "en": error.en},
    }


def read_body(body: str | bytes, fields: Fields, largest: int = LARGEST_BODY) -> dict[str, Any]:
    """The fields, each there and of its type, None where it may be left out.

    SandboxError `too_large`, `invalid_json` or `invalid_input`; also for a field that nobody knows, since a misspelt
    option would otherwise do nothing, silently.
    """
    if len(body) > largest:
        raise too_large()
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise invalid_json()
    return check_fields(found, fields)


def check_fields(found: dict[str, Any], fields: Fields, inside: str = "") -> dict[str, Any]:
    """The same for an object that has been read. `inside`: what its names begin with, in a sentence."""
    unknown = found.keys() - fields.keys()
    if unknown:
        raise invalid(inside + min(unknown)[:50], "tidak dikenal", "isn't known")
    for name, types in fields.items():
        if type(found.setdefault(name, None)) not in types:
            wanted = " / ".join(_NAMES[type_] for type_ in types)
            raise invalid(inside + name, f"harus {wanted}", f"must be {wanted}")
        if isinstance(found[name], str) and not is_whole(found[name]):
            raise invalid(inside + name, "harus teks Unicode yang utuh", "must be whole Unicode text")
    return found


def is_whole(text: str) -> bool:
    """JSON can carry halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def too_large() -> SandboxError:
    return SandboxError("too_large", "Isi permintaan terlalu besar.", "The request's body is too large.", 413)


def invalid_json() -> SandboxError:
    return SandboxError(
        "invalid_json",
        "Isi permintaan harus objek JSON, dengan Content-Type application/json.",
        "The body must be a JSON object, with Content-Type application/json.",
        400,
    )


_NAMES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}


def invalid(name: str, id_: str, en: str) -> SandboxError:
    return SandboxError("invalid_input", f"{name} {id_}.", f"{name} {en}.")
