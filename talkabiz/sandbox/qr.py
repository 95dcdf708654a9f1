"""The text in a QR code: a reference that the server gave, the client's two public keys and its secret."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from talkabiz.sandbox.errors import SandboxError

LONGEST_TEXT = 1024
_KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class QrCode:
    reference: str
    noise_key: bytes
    identity_key: bytes
    adv_secret: bytes = field(repr=False)


def read_code(text: str) -> QrCode:
    """With or without the address before the `#`, with or without the kind of client at the end. SandboxError
    `invalid_qr`.
    """
    parts = text.strip().rpartition("#")[2].split(",") if len(text) <= LONGEST_TEXT else []
    if len(parts) not in (4, 5) or not parts[0]:
        raise _invalid()
    try:
        keys = [base64.b64decode(part, validate=True) for part in parts[1:4]]
    except (binascii.Error, ValueError):
        raise _invalid() from None
    if any(len(key) != _KEY_SIZE for key in keys):
        raise _invalid()
    return QrCode(parts[0], *keys)


def _invalid() -> SandboxError:
    return SandboxError("invalid_qr", "Ini bukan kode QR WhatsApp.", "This isn't a WhatsApp QR code.")
