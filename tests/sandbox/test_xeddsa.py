from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings, strategies as st

from talkabiz.sandbox.xeddsa import sign, verify

KEYS = st.binary(min_size=32, max_size=32)
P = 2**255 - 19


def public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def edwards(montgomery: bytes) -> Ed25519PublicKey:
    """The public key on the other curve, by the birational map of RFC 7748, with the sign 0 that XEdDSA prescribes."""
    u = int.from_bytes(montgomery, "little")
    return Ed25519PublicKey.from_public_bytes(((u - 1) * pow(u + 1, -1, P) % P).to_bytes(32, "little"))


@given(private=KEYS, message=st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_a_signature_is_a_valid_ed25519_signature_of_the_converted_key(private: bytes, message: bytes) -> None:
    edwards(public(private)).verify(sign(private, message), message)


@given(private=KEYS, message=st.binary(min_size=1, max_size=50), place=st.integers(0, 95), bit=st.integers(0, 7))
@settings(max_examples=50, deadline=None)
def test_one_flipped_bit_in_signature_or_message_is_noticed(
    private: bytes, message: bytes, place: int, bit: int
) -> None:
    signed = bytearray(sign(private, message) + message)
    # The very last bit of a signature may hold the public key's sign; a flip there is a flip of the key.
    signed[place % len(signed)] ^= 1 << bit
    assert not verify(public(private), bytes(signed[64:]), bytes(signed[:64]))


@given(private=KEYS, message=st.binary(max_size=50))
@settings(max_examples=30, deadline=None)
def test_a_signature_is_valid_for_its_key_alone(private: bytes, message: bytes) -> None:
    signature = sign(private, message)
    assert verify(public(private), message, signature)
    assert not verify(public(private[:15] + bytes([private[15] ^ 1]) + private[16:]), message, signature)


def test_two_signatures_of_the_same_message_differ() -> None:
    assert sign(b"\x01" * 32, b"x") != sign(b"\x01" * 32, b"x")


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (b"", bytes(64)),
        (bytes(31), bytes(64)),
        (bytes(32), bytes(63)),
        (b"\xff" * 32, bytes(64)),  # above the field
        ((P - 1).to_bytes(32, "little"), bytes(64)),  # where the map to the other curve has no value
        (b"\x02" + bytes(31), b"\xff" * 64),
    ],
)
def test_what_is_no_key_or_no_signature_is_not_valid(key: bytes, signature: bytes) -> None:
    assert not verify(key, b"", signature)


def test_the_independent_check_itself_can_fail() -> None:
    with pytest.raises(InvalidSignature):
        edwards(public(b"\x01" * 32)).verify(sign(b"\x02" * 32, b"x"), b"x")
