"""Secrets that have to be read again, as the database keeps them: sealed with a key that isn't in it.

AES-256-GCM. What is sealed for one klien can't be opened as another's, nor when a bit of it has changed. Layout: one
byte for the version, 4 that name the key, the nonce of 12, then what is sealed with its tag of 16.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from talkabiz.domain.errors import Sentence, TalkabizError
from talkabiz.domain.secret_keys import KEY_BYTES, parse_secret_key

FILE = ".secret.key"
"""In the sessions directory: made at the first start where no key is given."""

_VERSION = b"\x01"
_NAME_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD_BYTES = len(_VERSION) + _NAME_BYTES + _NONCE_BYTES


class SecretKeyWrong(TalkabizError):
    """What the database holds was sealed with another key, or is damaged. Nothing but that key helps."""

    code = "secret_key_wrong"
    sentence = Sentence(
        "Rahasia webhook di database disegel dengan kunci lain. Pulihkan TALKABIZ_SECRET_KEY, atau berkas "
        "sessions/.secret.key, yang dulu dipakai.",
        "The webhook secrets in the database were sealed with another key. Bring back the TALKABIZ_SECRET_KEY, or the "
        "file sessions/.secret.key, that was used before.",
    )


class SecretKeyUnsafe(TalkabizError):
    """The file of the key can't be used as it is; the sentence says why."""

    code = "secret_key_unsafe"


class Seal:
    """`key`: 32 bytes. Whose a secret is, is told both when it is sealed and when it is opened."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("The key has to be 32 bytes.")
        self._cipher = AESGCM(key)
        self._name = hashlib.sha256(b"talkabiz secret key\0" + key).digest()[:_NAME_BYTES]

    def close_up(self, secret: bytes, klien_id: int) -> bytes:
        """Never the same twice."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + self._name + nonce + self._cipher.encrypt(nonce, secret, _whose(klien_id))

    def open_up(self, sealed: bytes, klien_id: int) -> bytes:
        """Raises SecretKeyWrong."""
        if len(sealed) < _HEAD_BYTES + _TAG_BYTES or not sealed.startswith(_VERSION + self._name):
            raise SecretKeyWrong
        try:
            nonce, rest = sealed[_HEAD_BYTES - _NONCE_BYTES : _HEAD_BYTES], sealed[_HEAD_BYTES:]
            return self._cipher.decrypt(nonce, rest, _whose(klien_id))
        except InvalidTag:
            raise SecretKeyWrong from None


def open_key(given: str | None, directory: Path) -> bytes:
    """The key that was given, or else the one of the file in `directory`, which is made where there is none.

    Raises:
        ValueError: what was given is no key.
        SecretKeyUnsafe: the file holds no key, can't be read or made, or others can read it.
    """
    if given:
        return parse_secret_key(given)
    file = directory / FILE
    try:
        with suppress(FileExistsError):
            _make(file)
        return _read(file)
    except OSError as error:
        raise SecretKeyUnsafe(
            Sentence(
                f"Kunci rahasia {file} tidak dapat dibaca atau dibuat: {error.strerror}.",
                f"The secret key {file} can't be read or made: {error.strerror}.",
            )
        ) from error


def _make(file: Path) -> None:
    """Whole or not at all: a key that was cut off would be lost with all that it had sealed. FileExistsError: it is
    there.
    """
    if file.exists() or file.is_symlink():
        raise FileExistsError
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w") as writing:
            writing.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
            writing.flush()
            os.fsync(writing.fileno())
        os.link(draft, file)
        _sync(file.parent)
    finally:
        draft.unlink()


def _sync(folder: Path) -> None:
    """What its files are called is on disk as well."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _read(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as reading:
        if os.fstat(descriptor).st_mode & 0o077:
            raise SecretKeyUnsafe(
                Sentence(
                    f"Kunci rahasia {file} dapat dibaca pengguna lain. Jalankan: chmod 600 {file}",
                    f"Others can read the secret key {file}. Run: chmod 600 {file}",
                )
            )
        try:
            return parse_secret_key(reading.read(1024))
        except ValueError:
            raise SecretKeyUnsafe(
                Sentence(
                    f"Berkas {file} tidak berisi kunci. Pulihkan dari cadangan.",
                    f"The file {file} holds no key. Bring it back from a backup.",
                )
            ) from None


def _whose(klien_id: int) -> bytes:
    return b"klien %d" % klien_id
