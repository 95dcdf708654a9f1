"""What never stands whole in a log: codes to scan or to type, keys, passwords, numbers, what people write, pictures.

Two nets. Fields are judged by their names, whatever their values look like; free text is searched for shapes. Pure and
light: the supervisor uses it as well.
"""

from __future__ import annotations

import enum
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from talkabiz.domain.ids import mask_phone

HIDDEN = "[redacted]"
LONGEST = 32_768
"""Characters of one value, and as many for a traceback. What is longer is cut."""
DEEPEST = 6
MOST = 100
"""Things of one collection that are shown."""


class Kind(enum.Enum):
    """How a field is judged by its name."""

    SECRET = enum.auto()
    """Opens something; hidden in free text as well, with quotes or without."""
    CONTENT = enum.auto()
    """Belongs to people; in free text hidden only where it is quoted, as in JSON, since the names are plain words."""
    CODE = enum.auto()
    """A code to type, unless it is one of ours, such as `not_found` or 404."""
    PHONE = enum.auto()
    PLAIN = enum.auto()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SECRETS = _words(
    "accesstoken advsecret apikey authorization cookie cookies cookie2 csrftoken identitykey linkingcode noisekey "
    "paircode pairingcode passphrase passwd password privatekey proxyauthorization refreshtoken secret secretkey "
    "sessioncookie setcookie signature token webhooksignature xapikey"
)
_SECRET_ENDINGS = ("apikey", "cookie", "passphrase", "password", "privatekey", "secret", "secretkey", "token")
_CONTENTS = _words(
    "base64 body caption conversation image messagetext notify pushname qr qrcode qrtext quotedtext svg text "
    "vcard verifiedname"
)
_CODES = frozenset(("code", "kode"))
_PHONES = _words(
    "chat from jid lid msisdn nomor nomorhp number owner participant phone phonenumber recipient sender telepon to "
    "user wanomor"
)
_PARTIES = frozenset(("jid", "lid", "phone"))
"""Where one of these stands, `name` beside it is a person's."""
_HEADERS = _words("authorization cookie proxyauthorization setcookie webhooksignature xapikey")
"""Their values reach to the end of the line."""


@lru_cache(maxsize=2048)
def kind_of(name: str) -> Kind:
    bare = name.lower().replace("_", "").replace("-", "")
    if bare in _SECRETS or bare.endswith(_SECRET_ENDINGS):
        return Kind.SECRET
    if bare in _CONTENTS:
        return Kind.CONTENT
    if bare in _CODES:
        return Kind.CODE
    return Kind.PHONE if bare in _PHONES else Kind.PLAIN


# --- shapes in free text ----------------------------------------------------------------------------------------------

_PICTURE = re.compile(
    r"<svg\b.*?(?:</svg\s*>|\Z)|(?<=data:)[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=_%-]*", re.DOTALL
)
# A code to scan: `2@`, a reference, three keys (whatsmeow pair.go, makeQRData), perhaps percent-encoded.
_CODE_URL = re.compile(r"(?<=linked_devices)(?:#|%23)[^\s\"'<>]*")
_CODE_TEXT = re.compile(r"\d{1,3}(?:@|%40)[A-Za-z0-9+/=_%-]{16,}(?:(?:,|%2C)[A-Za-z0-9+/=_%-]*)*", re.IGNORECASE)
_KEY = re.compile(r"(?<=tkb_|tkl_)[A-Za-z0-9_-]{4,}|(?<=whsec_)[A-Za-z0-9+/=_-]{4,}")
_SIGNATURE = re.compile(r"(?<=v1,)[A-Za-z0-9+/]{43}=")
"""Of a webhook (Standard Webhooks): who has it may send the same body once more, for five minutes."""
_LINK = re.compile(r"(?<=/link/|login/)[^\s/?#\"'<>\\]{8,}")
_BEARER = re.compile(r"(?i)(?<=bearer )[^\s\"',;]{8,}")
_USERINFO = re.compile(r"(?<=://)[^\s/@:\"']*+:[^\s/@\"']*+@")
_RUN = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{40,}+={0,2}")
_CLASSES = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/_-=", "a" * 26 + "A" * 26 + "0" * 10 + "+" * 5
)
_CHANGE = re.compile(r"(?<=a)[A0+]|(?<=A)[a0+]|(?<=0)[aA+]|(?<=\+)[aA0]")
_HEX = re.compile(r"[0-9a-f]{64,}")
LEAST_CHANGES = 0.4
"""Of kinds of characters, for each character: 0.64 in random base64, a third at most in paths and names of code."""
LEAST_CAPITALS = 3

_JID = re.compile(r"(?<![\w.])\d{5,20}(?=(?:[.:_]\d{1,5})*@(?:s\.whatsapp\.net|c\.us|(?:hosted\.)?lid|hosted)\b)")
_OLD_GROUP = re.compile(r"(?<!\w)\d{7,15}(?=-\d{6,}@g\.us)")
_PLUS = re.compile(r"(?<![\w+])\+[1-9](?:[ .()-]{0,2}\d){6,14}(?!\w)")
# Digits alone are a number if they begin with a country's code (ITU-T E.164) and aren't the beginning of a date. A
# NANP or Russian number has 11; so seconds since 1970 are none. Nor is what belongs to a word or a decimal.
_DIGITS = re.compile(
    r"(?<![\w.+*-])(?:08[1-9]\d{7,10}"
    r"|(?!20[2-9]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))"
    r"(?:1[2-9]\d\d[2-9]\d{6}|7[03-9]\d{9}"
    r"|(?:2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|21[12368]|2[2346]\d|25[0-8]|29[01789]|3[58]\d|37[0-8]|42[013]|5[09]\d|6[78]\d|69[0-2]"
    r"|80[08]|85[02356]|87\d|88[0-368]|96[0-8]|97\d|99[2-8])\d{7,13}(?<=\d{10})(?<!\d{16})))"
    r"(?![\w*]|[.-]\d)"
)
_GROUPED = re.compile(r"(?<![\w.:/+-])(?:62[ -]?|0)8[1-9]\d{0,2}(?:[ -]\d{2,5}){2,3}(?!\w)")
_SPELLED = re.compile(r"\s*\+?[ .()-]{0,2}\d(?:[ .()-]{0,2}\d){6,14}\s*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

_NAME = re.compile(r"(?<![\w-])([A-Za-z][\w-]*+)(?:\\?[\"']?\s{0,3}[:=]|[\"']\s{0,3},)\s{0,3}")
_QUOTED = re.compile(r"b?\\?(?:\"((?:[^\"\\]|\\.)*+)\"?|'((?:[^'\\]|\\.)*+)'?)", re.DOTALL)
_WORD = re.compile(r"[^\s,;&)\]}\"']+")
_REST = re.compile(r"[^\r\n]+")
_OUR_CODE = re.compile(r"[a-z][a-z_]*|\d{1,5}")
_TYPED_CODE = re.compile(r"[A-Z0-9]{4}-?[A-Z0-9]{4}")


def redact(text: str) -> str:
    """The text without what has the shape of a secret. To redact twice is to redact once."""
    if len(text) < 5:  # noqa: PLR2004 - nothing of these shapes is so short
        return text
    if "<svg" in text or "data:" in text:
        text = _PICTURE.sub(HIDDEN, text)
    if "linked_devices" in text:
        text = _CODE_URL.sub(f"#{HIDDEN}", text)
    if "@" in text or "%40" in text:
        text = _mask_addresses(_CODE_TEXT.sub(HIDDEN, text))
    if "tk" in text or "whsec_" in text:
        text = _KEY.sub(HIDDEN, text)
    if "v1," in text:
        text = _SIGNATURE.sub(HIDDEN, text)
    if "/" in text:
        text = _LINK.sub(HIDDEN, text)
        text = _USERINFO.sub(f"{HIDDEN}@", text)
    if "earer " in text or "EARER " in text:
        text = _BEARER.sub(HIDDEN, text)
    if "=" in text or ":" in text or "'," in text or '",' in text:
        text = _hide_named(text)
    if len(text) >= 40:  # noqa: PLR2004 - as in _RUN
        text = _RUN.sub(_hide_random, text)
    return _mask_numbers(text)


def _hide_named(text: str) -> str:
    """The values of `name=value`, `"name": "value"`, `('name', 'value')` and headers, by the name."""
    parts: list[str] = []
    at = 0
    for found in _NAME.finditer(text):
        if found.start() >= at and (end := _end_of_secret(text, found)):
            parts += (text[at : found.end()], HIDDEN)
            at = end
    return "".join((*parts, text[at:])) if at else text


def _end_of_secret(text: str, found: re.Match[str]) -> int:
    """Where the value of this name ends, 0 if it may be shown."""
    kind, start = kind_of(found[1]), found.end()
    if kind in {Kind.PLAIN, Kind.PHONE} or text.startswith(HIDDEN, start):
        return 0
    quoted = _QUOTED.match(text, start)
    if kind is Kind.CONTENT:
        return quoted.end() if quoted else 0
    word = _WORD.match(text, start)
    if kind is Kind.CODE:
        value = next(filter(None, quoted.groups()), "") if quoted else word[0] if word else ""
        end = (quoted or word or found).end()
        return end if _TYPED_CODE.fullmatch(value.rstrip("\\.")) and not _OUR_CODE.fullmatch(value) else 0
    if not quoted and _is_header(found[1]):
        word = _REST.match(text, start)
    value_found = quoted or word
    return value_found.end() if value_found else 0


def _is_header(name: str) -> bool:
    return name.lower().replace("-", "").replace("_", "") in _HEADERS


def _hide_random(found: re.Match[str]) -> str:
    """Keys and tokens of any origin: no word, path or name changes so often between small, capital and digit."""
    run = found[0]
    classes = run.translate(_CLASSES)
    is_mixed = classes.count("A") >= LEAST_CAPITALS and "a" in classes
    if (is_mixed and len(_CHANGE.findall(classes)) >= LEAST_CHANGES * len(run)) or _HEX.fullmatch(run):
        return HIDDEN
    return run


def _mask_addresses(text: str) -> str:
    return _OLD_GROUP.sub(_mask, _JID.sub(_mask, text))


def _mask_numbers(text: str) -> str:
    if "+" in text:
        text = _PLUS.sub(_mask, text)
    if "8" in text:
        text = _GROUPED.sub(_mask, text)
    return _DIGITS.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    digits = "".join(filter(str.isdecimal, found[0]))
    return f"{'+' if '+' in found[0] else ''}{mask_phone(digits)}"


# --- fields -----------------------------------------------------------------------------------------------------------


class Redactor:
    """`secrets`: what is secret here without having a shape, such as a key that the operator chose."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secrets)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = redact(text[: 2 * LONGEST])
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"

    def fields(self, named: Mapping[Any, object], depth: int = 0) -> dict[str, object]:
        """The same fields, fit to be logged, of plain types alone: whatever renders them finds nothing more."""
        is_party = not _PARTIES.isdisjoint(named)
        shown: dict[str, object] = {}
        for count, (key, value) in enumerate(named.items()):
            if count == MOST:
                shown["…"] = f"{len(named) - MOST} more"
                break
            name = key if isinstance(key, str) else str(self.value(key, DEEPEST))
            is_person = is_party and name == "name" and bool(value)
            shown[self.text(name)] = HIDDEN if is_person else self._field(name, value, depth)
        return shown

    def _field(self, name: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        match kind_of(name):
            case Kind.SECRET | Kind.CONTENT:
                return HIDDEN
            case Kind.CODE if not isinstance(value, int) and not _OUR_CODE.fullmatch(str(value)):
                return HIDDEN
            case Kind.PHONE if isinstance(value, int | str | bytes):
                return self._phone(value)
            case _:
                return self.value(value, depth)

    def _phone(self, value: int | str | bytes) -> object:
        if isinstance(value, int):
            return mask_phone(str(value)) if 10**9 <= value < 10**15 else value
        text = str(self.value(value))
        spelled = None if _DATE.match(text) else _SPELLED.fullmatch(text)
        return _mask(spelled) if spelled else text

    def value(self, value: object, depth: int = 0) -> object:
        """As `fields`, for one value without a name."""
        if isinstance(value, enum.Enum):
            value = value.value
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, str):
            return self.text(str(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return self.text(bytes(value).decode(errors="backslashreplace"))
        return self._composed(value, depth)

    def _composed(self, value: object, depth: int) -> object:
        if depth >= DEEPEST:
            return f"<{type(value).__name__}>"
        if isinstance(value, Mapping):
            return self.fields(value, depth + 1)
        if isinstance(value, list | tuple | set | frozenset):
            shown = [self.value(each, depth + 1) for each, _ in zip(value, range(MOST), strict=False)]
            return shown if len(value) <= MOST else [*shown, f"… {len(value) - MOST} more"]
        if isinstance(value, BaseException):
            return self.text(f"{type(value).__name__}: {_told(value, str)}")
        if is_dataclass(value) and not isinstance(value, type):
            named = {each.name: getattr(value, each.name, None) for each in fields(value)}
            return self.fields({"type": type(value).__name__, **named}, depth + 1)
        return self.text(_told(value, str if isinstance(value, os.PathLike | date) else repr))


def _told(value: object, how: type[str] | Any) -> str:
    """What an object says of itself, if it can."""
    try:
        return str(how(value))
    except Exception:  # noqa: BLE001 - a log line must not fail for what it is about
        return f"<{type(value).__name__}>"
