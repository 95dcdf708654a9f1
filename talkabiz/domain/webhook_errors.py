"""What can be wrong with a wish about webhooks, beside what is wrong with any wish."""

from __future__ import annotations

from talkabiz.domain.errors import Sentence, TalkabizError
from talkabiz.domain.webhooks import MOST_ENDPOINTS

ADDRESS_REFUSED = Sentence(
    "Webhook tidak boleh dikirim ke alamat ini. Pakai https ke server publik, tanpa nama pengguna.",
    "Webhooks may not be sent to this address. Use https to a public server, without a user name.",
)
IS_DISABLED = Sentence(
    "Webhook ini nonaktif. Aktifkan dulu, lalu coba lagi.", "This webhook is disabled. Enable it first, then try again."
)
IS_OLDER = Sentence(
    "Webhook ini dibuat oleh webhook_url; hanya memberi tahu perubahan koneksi, dengan secret masuk klien.",
    "This webhook was made by webhook_url: it tells of the connection alone, signed with the klien's incoming secret.",
)
IS_REPLAYED = Sentence(
    "Pengiriman ulang webhook ini sedang berjalan. Tunggu sampai selesai.",
    "A replay of this webhook is under way. Wait until it is through.",
)


class TooManyWebhooks(TalkabizError):
    code = "too_many_webhooks"
    sentence = Sentence(
        f"Satu klien dapat memiliki paling banyak {MOST_ENDPOINTS} webhook.",
        f"A klien may have {MOST_ENDPOINTS} webhooks at most.",
    )
