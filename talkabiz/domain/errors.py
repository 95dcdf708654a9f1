"""What can be wrong with a wish, each with a stable code and a sentence for a person in both languages.

TalkabizError
├── InvalidInput        invalid_input        a value is of the wrong type or shape; `fields` says which
│   └── InvalidJson     invalid_json         the body isn't JSON
├── Unauthorized        unauthorized         no credential, or one that isn't valid (any more)
├── MissingScope        missing_scope        a valid credential that may not do this
├── NotFound            not_found            it doesn't exist, or belongs to another klien: told alike
│   └── NoQr            no_qr                there is no QR to show at the moment
├── IllegalState        illegal_state        the session's state doesn't allow it
├── TooLarge            too_large            the body is larger than allowed
├── TooManyStarts       too_many_starts      START_LIMIT is used up for now
├── RateLimited         rate_limited         this credential, or this address, asks too often
├── Unreachable         unreachable          no route to WhatsApp
├── Starting            starting             the server isn't ready yet
├── QrRequestTimeout    qr_request_timeout   WhatsApp gave no QR in time
├── PairingCodeTimeout  pairing_code_timeout WhatsApp gave no pairing code in time
├── PairingCodeRefused  pairing_code_refused WhatsApp refused to give a pairing code
└── StoreError          database_unavailable (talkabiz.store.errors) the database can't be read or written

The web edge alone knows which HTTP status belongs to which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Sentence:
    """The same sentence in Indonesian and English."""

    id: str
    en: str

    def as_dict(self) -> dict[str, str]:
        """`{"id": …, "en": …}`, as every answer carries it."""
        return {"id": self.id, "en": self.en}


class TalkabizError(Exception):
    """Base of all errors that a caller may see."""

    code: ClassVar[str] = "internal"
    sentence: ClassVar[Sentence] = Sentence("Terjadi kesalahan di server.", "Something went wrong on the server.")

    def __init__(
        self,
        sentence: Sentence | None = None,
        *,
        fields: dict[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`fields` maps a field's name to what is wrong with it; `retry_after` is in whole seconds."""
        self.message = sentence or self.sentence
        self.fields = fields or {}
        self.retry_after = retry_after
        super().__init__(self.message.en)


class InvalidInput(TalkabizError):
    code = "invalid_input"
    sentence = Sentence("Data yang dikirim tidak sesuai.", "The data sent is not valid.")


class InvalidJson(InvalidInput):
    code = "invalid_json"
    sentence = Sentence("Isi permintaan bukan JSON.", "The body of the request is not JSON.")


class Unauthorized(TalkabizError):
    code = "unauthorized"
    sentence = Sentence(
        "Kunci API atau sesi masuk diperlukan, atau sudah tidak berlaku.",
        "An API key or a login is needed, or the one given is not valid any more.",
    )


class MissingScope(TalkabizError):
    code = "missing_scope"
    sentence = Sentence("Kunci ini tidak berhak melakukan itu.", "This key may not do that.")


class NotFound(TalkabizError):
    code = "not_found"
    sentence = Sentence("Tidak ditemukan.", "Not found.")


class NoQr(NotFound):
    code = "no_qr"
    sentence = Sentence("Saat ini tidak ada kode QR.", "There is no QR code at the moment.")


class IllegalState(TalkabizError):
    code = "illegal_state"
    sentence = Sentence(
        "Keadaan sesi saat ini tidak mengizinkan itu.", "The state of the session does not allow that now."
    )


class TooLarge(TalkabizError):
    code = "too_large"
    sentence = Sentence("Isi permintaan terlalu besar.", "The body of the request is too large.")


class TooManyStarts(TalkabizError):
    code = "too_many_starts"
    sentence = Sentence(
        "Terlalu banyak request. Coba lagi nanti.", "Too many linking attempts from this address. Try again later."
    )


class RateLimited(TalkabizError):
    code = "rate_limited"
    sentence = Sentence("Terlalu banyak request. Coba lagi nanti.", "Too many requests. Try again later.")


class Unreachable(TalkabizError):
    code = "unreachable"
    sentence = Sentence(
        "Server tidak dapat menjangkau WhatsApp. Periksa koneksi internet server, lalu coba lagi.",
        "The server can't reach WhatsApp. Check the server's internet connection, then try again.",
    )


class Starting(TalkabizError):
    code = "starting"
    sentence = Sentence(
        "Server sedang dinyalakan. Coba lagi sebentar.", "The server is starting. Try again in a moment."
    )


class QrRequestTimeout(TalkabizError):
    code = "qr_request_timeout"
    sentence = Sentence(
        "WhatsApp belum memberi kode QR. Coba lagi; bila berulang, periksa koneksi internet server.",
        "WhatsApp gave no QR code in time. Try again; if it happens again, check the server's connection.",
    )


class PairingCodeTimeout(TalkabizError):
    code = "pairing_code_timeout"
    sentence = Sentence(
        "WhatsApp belum memberi kode tautan. Coba lagi, atau pindai kode QR.",
        "WhatsApp gave no pairing code in time. Try again, or scan the QR code.",
    )


class PairingCodeRefused(TalkabizError):
    code = "pairing_code_refused"
    sentence = Sentence(
        "WhatsApp menolak memberi kode tautan. Coba lagi nanti, atau pindai kode QR.",
        "WhatsApp refused to give a pairing code. Try again later, or scan the QR code.",
    )
