"""The server's side of Noise_XX_25519_AESGCM_SHA256, with its certificate chain (whatsmeow, handshake.go).

client -> server   e
server -> client   e, ee, s, es, and the certificate chain
client -> server   s, se, and the client's payload
"""

from __future__ import annotations

import hashlib
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError
from neonize.proto.waCert.WACert_pb2 import CertChain
from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import HandshakeMessage

from talkabiz.sandbox.errors import WireError
from talkabiz.sandbox.xeddsa import sign

_PROTOCOL = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
_VALID_SECONDS = 365 * 24 * 3600
_CLOCK_SLACK_SECONDS = 24 * 3600


class NoiseError(WireError):
    """A handshake or a frame that doesn't fit its keys."""


class Authority:
    """Who the server is: a root that the library must trust, an intermediate and the server's static key."""

    def __init__(self, root: X25519PrivateKey) -> None:
        self.root_key = root.public_key().public_bytes_raw()
        self.static = X25519PrivateKey.generate()
        self.chain = _certificate_chain(root, self.static)


def _certificate_chain(root: X25519PrivateKey, static: X25519PrivateKey) -> bytes:
    """The library checks serials, validity, both signatures, and that the leaf holds the static key."""
    intermediate = X25519PrivateKey.generate()
    chain = CertChain()
    details = _details(1, 0, intermediate)
    chain.intermediate.details = details
    chain.intermediate.signature = sign(root.private_bytes_raw(), details)
    details = _details(2, 1, static)
    chain.leaf.details = details
    chain.leaf.signature = sign(intermediate.private_bytes_raw(), details)
    return bytes(chain.SerializeToString())


def _details(serial: int, issuer_serial: int, key: X25519PrivateKey) -> bytes:
    now = int(time.time())
    details = CertChain.NoiseCertificate.Details(
        serial=serial,
        issuerSerial=issuer_serial,
        key=key.public_key().public_bytes_raw(),
        notBefore=now - _CLOCK_SLACK_SECONDS,
        notAfter=now + _VALID_SECONDS,
    )
    return bytes(details.SerializeToString())


class Cipher:
    """One direction after the handshake. Frames must be handled in the order in which they travel."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._count = 0

    def encrypt(self, plain: bytes, associated: bytes = b"") -> bytes:
        return self._aead.encrypt(self._nonce(), plain, associated)

    def decrypt(self, cipher: bytes, associated: bytes = b"") -> bytes:
        try:
            return self._aead.decrypt(self._nonce(), cipher, associated)
        except InvalidTag:
            raise NoiseError("a frame that its key doesn't open") from None

    def _nonce(self) -> bytes:
        nonce = self._count.to_bytes(12, "big")
        self._count += 1
        return nonce


class Handshake:
    """`answer` then `finish`, once each; then `client_key`, `payload` and the two ciphers are there."""

    def __init__(self, authority: Authority, prologue: bytes) -> None:
        self._authority = authority
        self._ephemeral = X25519PrivateKey.generate()
        self._hash = self._salt = _PROTOCOL
        self._cipher = Cipher(_PROTOCOL)
        self._authenticate(prologue)

    def answer(self, message: bytes) -> bytes:
        """The client's hello in, the server's out. NoiseError for what isn't one."""
        theirs = _handshake_message(message).clientHello.ephemeral
        self._authenticate(theirs)
        ours = self._ephemeral.public_key().public_bytes_raw()
        self._authenticate(ours)
        self._mix(self._ephemeral, theirs)
        static = self._encrypt(self._authority.static.public_key().public_bytes_raw())
        self._mix(self._authority.static, theirs)
        chain = self._encrypt(self._authority.chain)
        hello = HandshakeMessage.ServerHello(ephemeral=ours, static=static, payload=chain)
        return bytes(HandshakeMessage(serverHello=hello).SerializeToString())

    def finish(self, message: bytes) -> tuple[bytes, bytes, Cipher, Cipher]:
        """The client's static key and payload, then the ciphers to read and to write with."""
        last = _handshake_message(message).clientFinish
        client_key = self._decrypt(last.static)
        self._mix(self._ephemeral, client_key)
        payload = self._decrypt(last.payload)
        keys = _derive(self._salt, b"")
        return client_key, payload, Cipher(keys[:32]), Cipher(keys[32:])

    def _authenticate(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _encrypt(self, plain: bytes) -> bytes:
        cipher = self._cipher.encrypt(plain, self._hash)
        self._authenticate(cipher)
        return cipher

    def _decrypt(self, cipher: bytes) -> bytes:
        plain = self._cipher.decrypt(cipher, self._hash)
        self._authenticate(cipher)
        return plain

    def _mix(self, ours: X25519PrivateKey, theirs: bytes) -> None:
        try:
            secret = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
        except ValueError:
            raise NoiseError("a key that isn't one") from None
        keys = _derive(self._salt, secret)
        self._salt = keys[:32]
        self._cipher = Cipher(keys[32:])


def _derive(salt: bytes, secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 64, salt, b"").derive(secret)


def _handshake_message(message: bytes) -> HandshakeMessage:
    try:
        return HandshakeMessage.FromString(message)
    except DecodeError:
        raise NoiseError("a handshake message that can't be read") from None
