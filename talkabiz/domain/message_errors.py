"""Why a message failed, or waits: stable codes, each with a sentence for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkabiz.domain.errors import Sentence, TalkabizError

SENTENCES: Mapping[str, Sentence] = {
    # it hasn't left, and won't
    "not_on_whatsapp": Sentence("Nomor ini tidak ada di WhatsApp.", "This number is not on WhatsApp."),
    "new_contact_limited": Sentence(
        "WhatsApp membatasi pesan ke kontak baru. Tidak dikirim ulang otomatis.",
        "WhatsApp limits messages to new contacts. Not resent by itself.",
    ),
    "logged_out": Sentence(
        "Perangkat ini tidak tertaut lagi. Tautkan WhatsApp, lalu kirim lagi.",
        "This device is not linked any more. Link WhatsApp, then send it again.",
    ),
    "not_in_group": Sentence(
        "Nomor ini bukan anggota grup itu (lagi).", "This number is not (or no longer) in that group."
    ),
    "group_not_found": Sentence("Grup itu tidak ada.", "There is no such group."),
    "media_gone": Sentence("Berkasnya sudah tidak disimpan.", "Its file is not kept any more."),
    "media_failed": Sentence(
        "Berkasnya tidak dapat diunggah ke WhatsApp.", "Its file could not be uploaded to WhatsApp."
    ),
    "refused": Sentence("WhatsApp menolak pesan ini.", "WhatsApp refused this message."),
    "expired": Sentence("Tidak terkirim dalam waktunya.", "It was not sent within its time."),
    "internal": Sentence("Pesan ini tidak dapat dikirim.", "This message could not be sent."),
    # it may have left
    "unanswered": Sentence(
        "Tidak pasti terkirim. Periksa di ponsel sebelum mengirim ulang.",
        "May or may not be sent. Check the phone before sending again.",
    ),
    "interrupted": Sentence(
        "Server berhenti saat mengirim; tidak pasti terkirim. Periksa di ponsel sebelum mengirim ulang.",
        "The server stopped while sending; may or may not be sent. Check the phone before sending again.",
    ),
}

NOT_LINKED = Sentence(
    "Klien ini belum tertaut ke WhatsApp. Tautkan dulu, lalu kirim.",
    "This klien is not linked to WhatsApp. Link it first, then send.",
)
NOT_CONNECTED = Sentence(
    "WhatsApp klien ini harus terhubung untuk itu.", "This klien's WhatsApp has to be connected for that."
)
NOT_QUEUED = Sentence("Pesan ini tidak lagi dalam antrean.", "This message is not queued any more.")
NOT_RECEIVED = Sentence("Hanya pesan masuk yang dapat ditandai dibaca.", "Only what came in can be marked as read.")


def problem(code: str | None) -> dict[str, Any] | None:
    """`{"code", "message": {"id", "en"}}`. A code of WhatsApp's own (`error_479`) has the sentence of `refused`."""
    if code is None:
        return None
    return {"code": code, "message": SENTENCES.get(code, SENTENCES["refused"]).as_dict()}


class KeyReused(TalkabizError):
    """An Idempotency-Key stands for one request, and this one says something else."""

    code = "idempotency_key_reused"
    sentence = Sentence(
        "Idempotency-Key ini sudah dipakai untuk permintaan lain.",
        "This Idempotency-Key was used for another request.",
    )
