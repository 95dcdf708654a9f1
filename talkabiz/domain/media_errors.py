"""What can be wrong with a file that somebody wants to send, and with the address that it is to be fetched from."""

from __future__ import annotations

from talkabiz.domain.errors import InvalidInput, NotFound, Sentence, TalkabizError, TooLarge


class UrlRefused(InvalidInput):
    """Nothing was asked for: neither is the address one that may be, nor what it leads on to."""

    code = "url_refused"
    sentence = Sentence(
        "Alamat ini tidak boleh diambil. Pakai https ke server publik, tanpa nama pengguna.",
        "This address may not be fetched. Use https to a public server, without a user name.",
    )


class UrlUnreachable(TalkabizError):
    """Nobody answered there, or not with a file."""

    code = "url_unreachable"
    sentence = Sentence("Berkas di alamat itu tidak dapat diambil.", "The file at that address could not be fetched.")


class UrlTooLarge(TooLarge):
    code = "url_too_large"
    sentence = Sentence("Berkas di alamat itu terlalu besar.", "The file at that address is too large.")


class UrlTimeout(TalkabizError):
    code = "url_timeout"
    sentence = Sentence(
        "Berkas di alamat itu tidak selesai diambil dalam waktunya.",
        "The file at that address did not arrive in time.",
    )


class UrlBadType(InvalidInput):
    """What is there isn't what it was said to be, or is packed though nobody asked for that."""

    code = "url_bad_type"
    sentence = Sentence(
        "Isi di alamat itu bukan jenis berkas yang diminta.",
        "What is at that address is not a file of the kind that was asked for.",
    )


class MediaRefused(InvalidInput):
    """The file isn't of a type that this kind of message may have, or can't be read."""

    code = "media_refused"
    sentence = Sentence(
        "Berkas ini tidak dapat dikirim sebagai jenis pesan itu.", "This file can't be sent as that kind of message."
    )


class MediaTooLarge(TooLarge):
    code = "media_too_large"
    sentence = Sentence(
        "Berkas ini terlalu besar untuk jenis pesan itu.", "This file is too large for that kind of message."
    )


class MediaNotStored(TalkabizError):
    """The disk is full, or can't be written. The cause is chained."""

    code = "media_not_stored"
    sentence = Sentence(
        "Server tidak dapat menyimpan berkas saat ini. Coba lagi nanti.",
        "The server can't store files at the moment. Try again later.",
    )


class VoiceNeedsFfmpeg(InvalidInput):
    code = "voice_needs_ffmpeg"
    sentence = Sentence(
        "Pesan suara harus OGG dengan Opus; mengubah berkas lain memerlukan ffmpeg di server ini.",
        "A voice message has to be OGG with Opus; to convert other files this server needs ffmpeg.",
    )


class MediaGone(NotFound):
    """It was there, and its time has run out; or it is being fetched, or couldn't be."""

    code = "media_gone"
    sentence = Sentence("Berkasnya tidak disimpan (lagi).", "Its file is not kept (any more).")
