"""A client's side of a code to type, written for itself, so that a test can go wrong at any step of it."""

from __future__ import annotations

import hashlib
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from talkabiz.sandbox.nodes import SERVER, Jid, Node
from tests.sandbox.wire import WireClient

TAG = "link_code_companion_reg"


class CodeClient:
    """Shows `code`. `reference` is the server's, once it has answered."""

    def __init__(self, wire: WireClient, code: str = "ABCDEFGH") -> None:
        self.wire = wire
        self.code = code
        self.reference = b""
        self._ephemeral = X25519PrivateKey.generate()

    async def hello(self, number: str, **changed: bytes | str) -> Node:
        """The server's answer."""
        content: dict[str, bytes | str] = {
            "link_code_pairing_wrapped_companion_ephemeral_pub": self._wrapped(),
            "companion_server_auth_key_pub": _public(self.wire.noise_key),
            "companion_platform_id": "1",
            "companion_platform_display": "Chrome (Linux)",
            "link_code_pairing_nonce": b"\0",
        }
        stage: dict[str, str | Jid] = {"stage": "companion_hello", "jid": Jid(number)}
        answer = await self._ask(Node(TAG, stage, _nodes({**content, **changed})))
        said = answer.child(TAG)
        self.reference = said.children[0].data if said else b""
        return answer

    async def finish(self, hello: Node, **changed: bytes | str) -> tuple[Node, bytes]:
        """The server's answer to our last word, and the secret that we expect the pairing to be sealed with."""
        self.say_finish(hello, **changed)
        return await self.wire.receive(), self.secret

    def say_finish(self, hello: Node, **changed: bytes | str) -> None:
        said = hello.children[0]
        wrapped = _data(said, "link_code_pairing_wrapped_primary_ephemeral_pub")
        phone = X25519PublicKey.from_public_bytes(self._crypt(wrapped[:32], wrapped[32:48], wrapped[48:]))
        identity = _data(said, "primary_identity_pub")
        salt, nonce, random = os.urandom(32), os.urandom(12), os.urandom(32)
        shared = self._ephemeral.exchange(phone)
        key = _derive(shared, salt, b"link_code_pairing_key_bundle_encryption_key")
        own = self.wire.identity_key
        sealed = AESGCM(key).encrypt(nonce, _public(own) + identity + random, None)
        common = own.exchange(X25519PublicKey.from_public_bytes(identity))
        self.secret = _derive(shared + common + random, None, b"adv_secret")
        content: dict[str, bytes | str] = {
            "link_code_pairing_wrapped_key_bundle": salt + nonce + sealed,
            "companion_identity_public": _public(own),
            "link_code_pairing_ref": _data(said, "link_code_pairing_ref"),
        }
        self._say(Node(TAG, {"stage": "companion_finish"}, _nodes({**content, **changed})))

    async def _ask(self, content: Node) -> Node:
        self._say(content)
        return await self.wire.receive()

    def _say(self, content: Node) -> None:
        self.wire.send(Node("iq", {"to": SERVER, "type": "set", "xmlns": "md", "id": "c-1"}, (content,)))

    def _wrapped(self) -> bytes:
        salt, vector = os.urandom(32), os.urandom(16)
        return salt + vector + self._crypt(salt, vector, _public(self._ephemeral))

    def _crypt(self, salt: bytes, vector: bytes, data: bytes) -> bytes:
        key = hashlib.pbkdf2_hmac("sha256", self.code.encode(), salt, 131072)
        return Cipher(AES(key), CTR(vector)).encryptor().update(data)


def _nodes(content: dict[str, bytes | str]) -> tuple[Node, ...]:
    return tuple(Node(tag, {}, value) for tag, value in content.items())


def _data(node: Node, tag: str) -> bytes:
    found = node.child(tag)
    assert found, tag
    return found.data


def _public(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _derive(secret: bytes, salt: bytes | None, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, purpose).derive(secret)
