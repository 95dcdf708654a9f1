"""XEdDSA: signatures with X25519 keys, as Signal defines them (The XEdDSA and VXEdDSA Signature Schemes, 2.4 and 3).

Signing needs the curve's own arithmetic, which no library offers for a given scalar; it is done here in plain integers.
That is not constant in time, so it is for a server on loopback with throw-away keys only.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache, lru_cache
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 4 * pow(5, -1, _P) % _P
_NONCE_PREFIX = b"\xfe" + b"\xff" * 31
_SIGN_BIT = 0x80

# Extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z.
_Point: TypeAlias = tuple[int, int, int, int]
_NEUTRAL: _Point = (0, 1, 1, 0)


def sign(private_key: bytes, message: bytes) -> bytes:
    """64 bytes; the sign of the public key's Edwards form is made 0, so verifiers of either convention agree."""
    scalar, public = _edwards_key(private_key)
    nonce = _hash(_NONCE_PREFIX, scalar.to_bytes(32, "little"), message, os.urandom(64))
    point = _encode(_times_base(nonce))
    answer = (nonce + _hash(point, public, message) * scalar) % _ORDER
    return point + answer.to_bytes(32, "little")


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Also takes the sign of the public key in the signature's last bit, where libsignal writes it."""
    u = int.from_bytes(public_key, "little") & (2**255 - 1)
    if len(public_key) != 32 or len(signature) != 64 or u >= _P or u == _P - 1:
        return False
    y = (u - 1) * pow(u + 1, -1, _P) % _P
    edwards = bytearray(y.to_bytes(32, "little"))
    edwards[31] |= signature[63] & _SIGN_BIT
    plain = signature[:63] + bytes((signature[63] & ~_SIGN_BIT,))
    try:
        Ed25519PublicKey.from_public_bytes(bytes(edwards)).verify(plain, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)
def _edwards_key(private_key: bytes) -> tuple[int, bytes]:
    """The scalar and its public point, both negated if that point's sign would be 1."""
    scalar = int.from_bytes(private_key, "little") & ~7 & (2**255 - 1) | 2**254
    public = bytearray(_encode(_times_base(scalar)))
    negative = public[31] & _SIGN_BIT
    public[31] &= ~_SIGN_BIT
    return (-scalar if negative else scalar) % _ORDER, bytes(public)


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % _ORDER


def _add(left: _Point, right: _Point) -> _Point:
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a = (y1 - x1) * (y2 - x2) % _P
    b = (y1 + x1) * (y2 + x2) % _P
    c = 2 * t1 * t2 * _D % _P
    d = 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


@cache
def _base_multiples() -> tuple[tuple[_Point, ...], ...]:
    """For each of the 64 hex digits of a scalar, lowest first, the base point times 0 to 15 at that place."""
    rows = []
    place: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)
    for _ in range(64):
        row = [_NEUTRAL]
        for _ in range(15):
            row.append(_add(row[-1], place))
        rows.append(tuple(row))
        place = _add(row[-1], place)
    return tuple(rows)


def _times_base(scalar: int) -> _Point:
    total = _NEUTRAL
    for row in _base_multiples():
        total = _add(total, row[scalar & 15])
        scalar >>= 4
    return total


def _encode(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(32, "little")
