"""Eight characters that a person types, and the keys that two sides who both know them agree upon (whatsmeow,
pair-code.go).

Each side sends a fresh public key, wrapped with the code: salt (32 bytes), initial vector (16), and the key under
AES-CTR, by PBKDF2 of the code. Nothing in it says whether a code was right. That comes out when the client's bundle is
opened, which is sealed with what the two keys have in common: salt (32), nonce (12), then under AES-GCM the client's
identity key, the phone's, and 32 random bytes.
"""

from __future__ import annotations

import hashlib
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from talkabiz.sandbox.errors import SandboxError

WRAPPED_SIZE = 80
BUNDLE_SIZE = 32 + 12 + 96 + 16
_ROUNDS = 2 << 16
_CODE = re.compile(r"[1-9A-HJ-NP-TV-Z]{8}", re.ASCII)  # no 0, I, O, U: they are mistaken for others
_BETWEEN = re.compile(r"[\s\u2010-\u2015-]+")


class WrongCode(Exception):
    """The client's bundle doesn't open: it made it with another code."""


def read_typed(text: str) -> str:
    """As the client knows it: `abcd-efgh` and `ABCD EFGH` are ABCDEFGH. SandboxError `invalid_code`."""
    code = _BETWEEN.sub("", text[:50]).upper()
    if not _CODE.fullmatch(code):
        raise SandboxError(
            "invalid_code",
            "Kode tautan terdiri dari 8 huruf dan angka, seperti ABCD-EFGH; tanpa 0, I, O dan U.",
            "A pairing code has 8 letters and digits, as in ABCD-EFGH; never 0, I, O or U.",
        )
    return code


class PhoneSide:
    """One try of one code. To make it takes 0.1 s of a processor; `wrapped` is what the client sent for the code."""

    def __init__(self, code: str, wrapped: bytes) -> None:
        self._ours = X25519PrivateKey.generate()
        self._theirs = _crypt(code, wrapped[:32], wrapped[32:48], wrapped[48:])
        salt, vector = os.urandom(32), os.urandom(16)
        self.wrapped = salt + vector + _crypt(code, salt, vector, self._ours.public_key().public_bytes_raw())

    def secret(self, bundle: bytes, account_secret: bytes, identity_key: bytes) -> bytes:
        """The secret that seals the pairing, out of the client's bundle. WrongCode."""
        account = X25519PrivateKey.from_private_bytes(account_secret)
        try:
            shared = self._ours.exchange(X25519PublicKey.from_public_bytes(self._theirs))
            key = _derive(shared, bundle[:32], b"link_code_pairing_key_bundle_encryption_key")
            opened = AESGCM(key).decrypt(bundle[32:44], bundle[44:], None)
            identities = account.exchange(X25519PublicKey.from_public_bytes(identity_key))
        except (InvalidTag, ValueError):
            raise WrongCode from None
        if opened[:64] != identity_key + account.public_key().public_bytes_raw():
            raise WrongCode
        return _derive(shared + identities + opened[64:], None, b"adv_secret")


def _crypt(code: str, salt: bytes, vector: bytes, data: bytes) -> bytes:
    """The same in both directions."""
    key = hashlib.pbkdf2_hmac("sha256", code.encode(), salt, _ROUNDS)
    coder = Cipher(AES(key), CTR(vector)).encryptor()
    return coder.update(data) + coder.finalize()


def _derive(secret: bytes, salt: bytes | None, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, purpose).derive(secret)
