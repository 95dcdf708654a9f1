"""What each fault does, in one sentence of each language."""

from __future__ import annotations

from collections.abc import Mapping

FAULTS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "no_qr": "Klien yang ingin ditautkan tidak mendapat kode QR.",
        "slow_qr": "Kode QR baru datang setelah sekian detik.",
        "one_qr": "Hanya ada satu kode QR, tanpa yang berikutnya.",
        "http_503": "Sambungan baru ditolak dengan HTTP 503.",
        "bad_hmac": "Segel penautan tidak cocok dengan kode yang dipindai.",
        "lost_515": "Perintah untuk masuk lagi setelah penautan tidak pernah dikirim.",
        "silence": "Sambungan tetap berdiri, tetapi tidak ada yang dijawab.",
        "drop": "Sambungan putus; selama berlaku, tidak ada yang bisa tersambung.",
        "device_removed": "Telepon melepas perangkat yang tersambung.",
        "replaced": "Perangkat dikatakan sedang dipakai di tempat lain.",
        "temporary_ban": "Masuk ditolak untuk sementara (402), dengan sisa waktunya.",
        "client_outdated": "Masuk ditolak karena versi klien terlalu lama (405).",
        "account_locked": "Masuk ditolak karena akun dikunci (403).",
        "account_banned": "Masuk ditolak karena akun diblokir (406).",
        "no_ack": "Pesan dari nomor ini sampai, tetapi tidak pernah dikonfirmasi.",
        "error_463": "Pesan dari nomor ini ditolak dengan 463 dan tidak sampai.",
        "cut_off": "Sambungan putus bersama pesan dari nomor ini, dan pesannya tidak sampai.",
        "undecryptable": "Pesan kepada nomor ini datang dalam keadaan rusak.",
        "duplicate": "Pesan kepada nomor ini datang dua kali.",
        "reorder": "Pesan kepada nomor ini datang setelah pesan berikutnya.",
        "offline_backlog": "Pesan kepada nomor ini ditahan, lalu datang sekaligus.",
    },
    "en": {
        "no_qr": "A client that wants to be linked gets no QR code.",
        "slow_qr": "The QR codes come only after so many seconds.",
        "one_qr": "There is a single QR code, and no next one.",
        "http_503": "New connections are refused with HTTP 503.",
        "bad_hmac": "The pairing's seal doesn't fit the code that was scanned.",
        "lost_515": "The order to log in again after pairing is never sent.",
        "silence": "The connection stands, but nothing is answered.",
        "drop": "The connection is lost; while it lasts, nobody can connect.",
        "device_removed": "The phone removes the device that is connected.",
        "replaced": "The device is said to be in use elsewhere.",
        "temporary_ban": "Login is refused for some time (402), with the time that is left.",
        "client_outdated": "Login is refused because the client is too old (405).",
        "account_locked": "Login is refused because the account is locked (403).",
        "account_banned": "Login is refused because the account is banned (406).",
        "no_ack": "Messages of this number arrive, but are never acknowledged.",
        "error_463": "Messages of this number are refused with 463 and arrive nowhere.",
        "cut_off": "The connection is lost with a message of this number, which arrives nowhere.",
        "undecryptable": "Messages to this number come damaged.",
        "duplicate": "Messages to this number come twice.",
        "reorder": "Messages to this number come after the one that follows.",
        "offline_backlog": "Messages to this number are held back, then come all at once.",
    },
}
