"""One sentence for a person about each status and reason: what is the case, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from talkabiz.domain.errors import Sentence
from talkabiz.domain.ids import clean_name
from talkabiz.domain.states import REAL_DEVICE, SANDBOX_DEVICE, Reason, Session, Status

Key = tuple[Status, Reason | None]

SENTENCES: Mapping[Key, Sentence] = {
    (Status.DISCONNECTED, None): Sentence(
        'Belum terhubung. Tekan "Hubungkan" untuk menampilkan kode QR.',
        'Not connected. Press "Connect" to show a QR code.',
    ),
    (Status.DISCONNECTED, Reason.BY_USER): Sentence(
        'Koneksi diputus atas permintaan. Tekan "Hubungkan" untuk menautkan lagi.',
        'Disconnected on request. Press "Connect" to link again.',
    ),
    (Status.DISCONNECTED, Reason.STOPPED): Sentence(
        'Sesi dihentikan; ponsel tetap tertaut. Tekan "Hubungkan" untuk melanjutkan tanpa memindai.',
        'Stopped; the phone stays linked. Press "Connect" to go on without scanning.',
    ),
    (Status.DISCONNECTED, Reason.LOGGED_OUT): Sentence(
        "Perangkat ini dikeluarkan dari ponsel. Pindai QR untuk menautkan lagi.",
        "This device was removed on the phone. Scan a QR code to link again.",
    ),
    (Status.DISCONNECTED, Reason.ACCOUNT_LOCKED): Sentence(
        "WhatsApp mengunci nomor ini. Buka WhatsApp di ponsel untuk melihat alasannya.",
        "WhatsApp locked this number. Open WhatsApp on the phone to see why.",
    ),
    (Status.DISCONNECTED, Reason.ACCOUNT_BANNED): Sentence(
        "WhatsApp memblokir nomor ini. Buka WhatsApp di ponsel untuk melihat alasannya.",
        "WhatsApp banned this number. Open WhatsApp on the phone to see why.",
    ),
    (Status.QR_REQUESTED, None): Sentence("Meminta kode QR dari WhatsApp…", "Asking WhatsApp for a QR code…"),
    (Status.QR_REQUESTED, Reason.QUEUED): Sentence(
        "Menunggu giliran; kode QR akan muncul sendiri.", "Waiting for a turn; the QR code will appear by itself."
    ),
    (Status.QR_READY, None): Sentence(
        "Pindai kode ini dengan WhatsApp di ponsel Anda.", "Scan this code with WhatsApp on your phone."
    ),
    (Status.QR_READY, Reason.UPDATE_WHATSAPP): Sentence(
        "Ponsel itu memakai WhatsApp versi lama. Perbarui WhatsApp di ponsel, lalu pindai kode ini lagi.",
        "That phone has an old WhatsApp. Update WhatsApp on the phone, then scan this code again.",
    ),
    (Status.SCANNING, None): Sentence(
        "Ponsel dikenali. Menyelesaikan penautan, jangan tutup WhatsApp.",
        "Phone recognised. Finishing; keep WhatsApp open.",
    ),
    (Status.CONNECTED, None): Sentence("Terhubung sebagai {nama}.", "Connected as {nama}."),
    (Status.CONNECTED, Reason.DEGRADED): Sentence(
        "Terhubung, tetapi WhatsApp lambat menjawab.", "Connected, but WhatsApp is slow to answer."
    ),
    (Status.CONNECTED, Reason.REACHOUT_LIMITED): Sentence(
        "Terhubung. WhatsApp membatasi pesan ke kontak baru; pesan itu ditahan dulu.",
        "Connected. WhatsApp limits messages to new contacts; those are held back for now.",
    ),
    (Status.CONNECTED, Reason.EXTERNAL): Sentence(
        "Terhubung melalui gateway di luar aplikasi ini.", "Connected through a gateway outside this application."
    ),
    (Status.EXPIRED, Reason.QR_TIMEOUT): Sentence(
        "Kode kedaluwarsa. Buat kode baru saat ponsel Anda siap.",
        "The code expired. Make a new one when your phone is ready.",
    ),
    (Status.RECONNECTING, Reason.RESTORING): Sentence(
        "Menyambungkan kembali sesi yang tersimpan; tidak perlu pindai lagi.",
        "Bringing the stored session back; no need to scan again.",
    ),
    (Status.RECONNECTING, Reason.LINK_LOST): Sentence(
        "Koneksi ke WhatsApp terputus. Kami menyambungkan ulang otomatis; tidak perlu pindai lagi.",
        "The connection to WhatsApp dropped. Reconnecting by itself; no need to scan again.",
    ),
    (Status.RECONNECTING, Reason.KEEPALIVE_TIMEOUT): Sentence(
        "WhatsApp tidak menjawab. Kami menyambungkan ulang otomatis; tidak perlu pindai lagi.",
        "WhatsApp stopped answering. Reconnecting by itself; no need to scan again.",
    ),
    (Status.RECONNECTING, Reason.STREAM_ERROR): Sentence(
        "WhatsApp menutup koneksi. Kami menyambungkan ulang otomatis; tidak perlu pindai lagi.",
        "WhatsApp closed the connection. Reconnecting by itself; no need to scan again.",
    ),
    (Status.RECONNECTING, Reason.UNREACHABLE): Sentence(
        "WhatsApp tidak terjangkau. Kami terus mencoba; periksa koneksi internet server.",
        "WhatsApp can't be reached. We keep trying; check the server's internet connection.",
    ),
    (Status.RECONNECTING, Reason.ENGINE): Sentence(
        "Gangguan di server kami. Sesi sedang dipulihkan otomatis; tidak perlu pindai lagi.",
        "A fault on our server. The session is being brought back; no need to scan again.",
    ),
    (Status.ERROR, Reason.QR_REQUEST_TIMEOUT): Sentence(
        "WhatsApp belum memberi kode QR. Coba lagi; bila berulang, periksa koneksi internet server.",
        "WhatsApp gave no QR code in time. Try again; if it happens again, check the server's internet connection.",
    ),
    (Status.ERROR, Reason.UNREACHABLE): Sentence(
        "Server tidak dapat menjangkau WhatsApp. Periksa koneksi internet server, lalu coba lagi.",
        "The server can't reach WhatsApp. Check the server's internet connection, then try again.",
    ),
    (Status.ERROR, Reason.PAIR_FAILED): Sentence(
        "Penautan gagal. Pastikan perangkat tertaut kurang dari 4, lalu coba lagi.",
        "Linking failed. Make sure that fewer than 4 devices are linked, then try again.",
    ),
    (Status.ERROR, Reason.PAIR_STALLED): Sentence(
        "Ponsel sudah memindai, tetapi WhatsApp tidak menyelesaikan penautan. Tekan tombol untuk mencoba lagi.",
        "The phone scanned, but WhatsApp didn't finish linking. Press the button to try again.",
    ),
    (Status.ERROR, Reason.PASSKEY_REQUIRED): Sentence(
        "Akun ini meminta passkey, yang belum didukung.", "This account asks for a passkey, which is not supported yet."
    ),
    (Status.ERROR, Reason.ALREADY_LINKED): Sentence(
        "Nomor ini sudah tertaut pada klien lain. Putuskan di sana dulu, atau pindai dengan nomor lain.",
        "This number is linked to another klien. Disconnect it there first, or scan with another number.",
    ),
    (Status.ERROR, Reason.CLIENT_OUTDATED): Sentence(
        "Server perlu diperbarui. Hubungi pengelola.", "The server needs an update. Contact the operator."
    ),
    (Status.ERROR, Reason.REPLACED): Sentence(
        "Sesi ini dibuka di tempat lain. Tekan tombol untuk memakainya di sini.",
        "This session was opened elsewhere. Press the button to use it here.",
    ),
    (Status.ERROR, Reason.TEMPORARY_BAN): Sentence(
        "WhatsApp memblokir nomor ini sementara sampai {jam}. Kami mencoba lagi setelah itu.",
        "WhatsApp blocked this number until {jam}. We will try again then.",
    ),
    (Status.ERROR, Reason.CONNECT_REFUSED): Sentence(
        "WhatsApp menolak koneksi (kode {detail}). Coba lagi nanti, atau hubungi pengelola.",
        "WhatsApp refused the connection (code {detail}). Try again later, or contact the operator.",
    ),
    (Status.ERROR, Reason.ENGINE): Sentence(
        "Gangguan di server kami. Coba lagi; bila berulang, hubungi pengelola.",
        "A fault on our server. Try again; if it happens again, contact the operator.",
    ),
}

STOPPED_UNLINKED = Sentence(
    'Sesi dihentikan. Tekan "Hubungkan" untuk menampilkan kode QR.', 'Stopped. Press "Connect" to show a QR code.'
)
"""Stopped before anything was linked: there is no phone that could stay so."""

ELSEWHERE: Mapping[str | None, Sentence] = {
    SANDBOX_DEVICE: Sentence(
        "Akun ini tertaut di sandbox, dan server kini memakai WhatsApp lain. Jalankan dengan sandbox itu lagi, "
        "atau putuskan lalu tautkan yang baru.",
        "This account was linked in a sandbox, and the server now speaks with another WhatsApp. Start it with that "
        "sandbox again, or disconnect and link anew.",
    ),
    REAL_DEVICE: Sentence(
        "Akun ini tertaut di WhatsApp yang sebenarnya, dan server kini memakai sandbox. Jalankan tanpa sandbox, "
        "dan akun ini kembali.",
        "This account is linked on the real WhatsApp, and the server now runs with a sandbox. Start it without, and "
        "the account comes back.",
    ),
}
"""By the detail of an engine's error: what is said of a device that this process leaves alone."""

LINKED_HERE = Sentence(
    "Klien ini tertaut, atau sedang ditautkan, di aplikasi ini. Putuskan di sini dulu.",
    "This klien is linked, or being linked, in this application. Disconnect it here first.",
)
"""Why a gateway outside isn't heard."""
NOT_BY_CODE = Sentence(
    "Klien ini sudah tertaut, atau sedang disambungkan. Putuskan dulu untuk menautkan dengan kode.",
    "This klien is linked already, or being connected. Disconnect it first to link by a code.",
)
"""Why there is no code to type."""
CODES_USED_UP = Sentence(
    "Kode tautan sudah terlalu sering diminta. Pakai yang terakhir, pindai kode QR, atau coba lagi nanti.",
    "Pairing codes were asked for too often. Use the last one, scan the QR code, or try again later.",
)
TOO_MANY_CODES = Sentence(
    "WhatsApp menolak kode tautan lain untuk nomor ini karena terlalu sering diminta. Coba lagi nanti.",
    "WhatsApp refuses another pairing code for this number: it was asked too often. Try again later.",
)
NO_SUCH_PHONE = Sentence("WhatsApp tidak menerima nomor telepon ini.", "WhatsApp doesn't take this phone number.")
OTHER_CODE_ASKED = Sentence(
    "Sementara itu kode untuk nomor lain diminta.", "Meanwhile a code for another number was asked for."
)
NUMBER_TAKEN = Sentence(
    "Nomor ini sudah tertaut pada klien lain. Putuskan di sana dulu.",
    "This number is linked to another klien. Disconnect it there first.",
)


def sentence(session: Session) -> Sentence:
    """What a person is told about this session."""
    if session.reason is Reason.STOPPED and not session.device:
        return STOPPED_UNLINKED
    if session.is_elsewhere:
        return ELSEWHERE[session.detail]
    found = SENTENCES.get((session.status, session.reason)) or SENTENCES[session.status, None]
    values = {
        "nama": _name(session),
        "jam": f"{session.retry_at:%Y-%m-%d %H:%M} UTC" if session.retry_at else "?",
        "detail": session.detail or "?",
    }
    return Sentence(_fill(found.id, values), _fill(found.en, values))


def _name(session: Session) -> str:
    me = session.me
    return (clean_name(me.name) or me.phone) if me else "WhatsApp"


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Not `str.format`: a name may contain braces, and is replaced once only."""
    head, brace, rest = text.partition("{")
    if not brace:
        return text
    key, _, tail = rest.partition("}")
    return f"{head}{values[key]}{tail}"
