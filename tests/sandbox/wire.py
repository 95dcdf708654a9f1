"""A client of our own, for what the library never says; its Noise is written for itself, without the server's."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import ClientPayload, HandshakeMessage
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, RejectConnection, Request

from talkabiz.sandbox.codec import Codec
from talkabiz.sandbox.nodes import SERVER, Node

HEADER = b"WA\x06\x03"
DEADLINE_SECONDS = 10


class Refused(Exception):
    """The server answered with an HTTP status instead of a WebSocket."""


class WireClient:
    """Each step is a call of its own, so that a test can go wrong at any of them."""

    def __init__(self, proxy_url: str, ca_file: Path, codec: Codec) -> None:
        self._address = urlsplit(proxy_url)
        self._tls = ssl.create_default_context(cafile=str(ca_file))
        self._codec = codec
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._bytes = bytearray()
        self._header = HEADER
        self.noise_key = X25519PrivateKey.generate()
        self.identity_key = X25519PrivateKey.generate()

    async def connect(self) -> None:
        assert self._address.port
        self._reader, self._writer = await asyncio.open_connection(self._address.hostname, self._address.port)

    async def tunnel(self, target: str = "web.whatsapp.com:443") -> None:
        self._writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer:
            raise Refused(answer.split(b"\r\n")[0].decode())
        await self._writer.start_tls(self._tls, server_hostname=target.rpartition(":")[0])

    async def upgrade(self, path: str = "/ws/chat") -> None:
        self._writer.write(self._ws.send(Request(host="web.whatsapp.com", target=path)))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                self._ws.receive_data(await self._reader.read(65536) or None)
                for event in self._ws.events():
                    if isinstance(event, RejectConnection):
                        raise Refused(str(event.status_code))
                    if isinstance(event, AcceptConnection):
                        return

    def send_raw(self, data: bytes) -> None:
        self._writer.write(self._ws.send(BytesMessage(data)))

    def send_frame(self, data: bytes) -> None:
        self.send_raw(self._header + len(data).to_bytes(3, "big") + data)
        self._header = b""

    async def frame(self) -> bytes:
        """The server's next frame. EOFError once it has closed the connection."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self._bytes) < 3 or len(self._bytes) < 3 + int.from_bytes(self._bytes[:3], "big"):
                await self._more()
        end = 3 + int.from_bytes(self._bytes[:3], "big")
        found = bytes(self._bytes[3:end])
        del self._bytes[:end]
        return found

    async def shake_hands(self, payload: ClientPayload) -> None:
        state = _Initiator(HEADER)
        self.send_frame(HandshakeMessage(clientHello={"ephemeral": state.begin()}).SerializeToString())
        hello = HandshakeMessage.FromString(await self.frame()).serverHello
        self.server_key, self.chain = state.read_hello(hello.ephemeral, hello.static, hello.payload)
        static, sealed, self.outward, self.inward = state.finish(self.noise_key, payload.SerializeToString())
        self.send_frame(HandshakeMessage(clientFinish={"static": static, "payload": sealed}).SerializeToString())

    def send_plain(self, payload: bytes) -> None:
        self.send_frame(self.outward.encrypt(payload))

    def send(self, node: Node) -> None:
        self.send_plain(self._codec.encode(node))

    def send_and_close(self, *nodes: Node) -> None:
        """With a ping before them, all in one write: the server has the end before it answers the first."""
        frames = [self.outward.encrypt(self._codec.encode(node)) for node in nodes]
        said = b"".join(self._ws.send(BytesMessage(len(data).to_bytes(3, "big") + data)) for data in frames)
        self._writer.write(self._ws.send(Ping()) + said + self._ws.send(CloseConnection(code=1000)))

    async def receive(self) -> Node:
        return self._codec.decode(self.inward.decrypt(await self.frame()))

    async def pair(self) -> Node:
        """As far as the server's offer of codes."""
        await self.arrive(pairing_payload(self))
        return await self.receive()

    async def arrive(self, payload: ClientPayload) -> None:
        await self.connect()
        await self.tunnel()
        await self.upgrade()
        await self.shake_hands(payload)

    async def ping(self) -> bool:
        self.send(Node("iq", {"type": "get", "xmlns": "w:p", "id": "ping"}))
        return (await self.receive()).attrs == {"from": SERVER, "type": "result", "id": "ping"}

    async def exchange(self, data: bytes) -> bytes:
        """Bytes before any WebSocket, and what comes back; b"" if the connection was closed instead."""
        self._writer.write(data)
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._reader.read(65536)

    async def ended(self) -> bool:
        """Waits for the server to end the connection, whatever it still says."""
        try:
            while True:
                await self.frame()
        except (EOFError, ConnectionError):
            return True

    def close(self) -> None:
        if hasattr(self, "_writer"):
            self._writer.transport.abort()

    async def _more(self) -> None:
        data = await self._reader.read(65536)
        if not data:
            raise EOFError
        self._ws.receive_data(data)
        for event in self._ws.events():
            match event:
                case BytesMessage(data=message):
                    self._bytes += message
                case CloseConnection():
                    raise EOFError


def pairing_payload(client: WireClient) -> ClientPayload:
    payload = ClientPayload()
    payload.devicePairingData.eIdent = client.identity_key.public_key().public_bytes_raw()
    return payload


def login_payload(number: str, device: int) -> ClientPayload:
    return ClientPayload(username=int(number), device=device)


class Stream:
    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._count = 0

    def encrypt(self, plain: bytes, associated: bytes = b"") -> bytes:
        self._count += 1
        return self._aead.encrypt(bytes(8) + (self._count - 1).to_bytes(4, "big"), plain, associated)

    def decrypt(self, cipher: bytes, associated: bytes = b"") -> bytes:
        self._count += 1
        return self._aead.decrypt(bytes(8) + (self._count - 1).to_bytes(4, "big"), cipher, associated)


class _Initiator:
    def __init__(self, prologue: bytes) -> None:
        self._hash = self._salt = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
        self._stream = Stream(self._hash)
        self._ephemeral = X25519PrivateKey.generate()
        self._absorb(prologue)

    def begin(self) -> bytes:
        public = self._ephemeral.public_key().public_bytes_raw()
        self._absorb(public)
        return public

    def read_hello(self, ephemeral: bytes, static: bytes, chain: bytes) -> tuple[bytes, bytes]:
        self._absorb(ephemeral)
        self._theirs = ephemeral
        self._mix(self._ephemeral, ephemeral)
        key = self._open(static)
        self._mix(self._ephemeral, key)
        return key, self._open(chain)

    def finish(self, key: X25519PrivateKey, payload: bytes) -> tuple[bytes, bytes, Stream, Stream]:
        static = self._seal(key.public_key().public_bytes_raw())
        self._mix(key, self._theirs)
        sealed = self._seal(payload)
        keys = HKDF(hashes.SHA256(), 64, self._salt, b"").derive(b"")
        return static, sealed, Stream(keys[:32]), Stream(keys[32:])

    def _absorb(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _seal(self, plain: bytes) -> bytes:
        cipher = self._stream.encrypt(plain, self._hash)
        self._absorb(cipher)
        return cipher

    def _open(self, cipher: bytes) -> bytes:
        plain = self._stream.decrypt(cipher, self._hash)
        self._absorb(cipher)
        return plain

    def _mix(self, ours: X25519PrivateKey, theirs: bytes) -> None:
        secret = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
        keys = HKDF(hashes.SHA256(), 64, self._salt, b"").derive(secret)
        self._salt, self._stream = keys[:32], Stream(keys[32:])
