"""Business cards, as phones exchange them (vCard 3.0, RFC 2426)."""

from __future__ import annotations

from talkabiz.domain.ids import clean_name

_SPECIAL = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,"})


def make_vcard(name: str, phone: str) -> str:
    """Of a person with that number, digits; WhatsApp shows it with a button to write to them."""
    shown = clean_name(name, 255).translate(_SPECIAL)
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:;{shown};;;", f"FN:{shown}"]
    return "\n".join([*lines, f"TEL;type=CELL;type=VOICE;waid={phone}:+{phone}", "END:VCARD"])
