// What the pages say once the socket speaks, in both languages. What they say before: talkabiz/web/words.py.
// The object is plain JSON, so that a test can compare the two languages.

const WORDS = {
  "id": {
    "again": "Coba lagi",
    "cancel": "Batal",
    "code": "Kode {n} dari {of}",
    "code_left": "Kode {n} dari {of} · {seconds} dtk",
    "connect": "Hubungkan",
    "continue": "Lanjutkan",
    "copied": "Tersalin.",
    "copy_by_hand": "Peramban ini tidak mengizinkan salin otomatis: alamatnya sudah terpilih, salin dengan Ctrl+C.",
    "disconnect": "Putuskan",
    "failed": "Permintaan tidak terjawab. Coba lagi.",
    "gone": "Klien ini tidak ada lagi.",
    "log_in": "Masuk",
    "login_ended": "Sesi masuk Anda sudah berakhir.",
    "lost": "Menyambung ulang ke server… Keadaan terakhir {time}.",
    "phone_keeps_device": "Terputus di sini, tetapi WhatsApp tidak terjangkau: hapus perangkat ini di ponsel, di Perangkat tertaut.",
    "qr": "Kode QR untuk menautkan WhatsApp",
    "reload": "Muat ulang",
    "retry": "Mencoba lagi dalam {left}",
    "second": "dtk",
    "status_connected": "Terhubung",
    "status_disconnected": "Tidak terhubung",
    "status_error": "Bermasalah",
    "status_expired": "Kedaluwarsa",
    "status_qr_ready": "Siap dipindai",
    "status_qr_requested": "Meminta kode",
    "status_reconnecting": "Menyambung ulang",
    "status_scanning": "Menautkan",
    "use_here": "Pakai di sini",
    "wait": "Sisa waktu: {left}"
  },
  "en": {
    "again": "Try again",
    "cancel": "Cancel",
    "code": "Code {n} of {of}",
    "code_left": "Code {n} of {of} · {seconds} s",
    "connect": "Connect",
    "continue": "Continue",
    "copied": "Copied.",
    "copy_by_hand": "This browser doesn't let pages copy: the address is selected, copy it with Ctrl+C.",
    "disconnect": "Disconnect",
    "failed": "The request wasn't answered. Try again.",
    "gone": "This klien doesn't exist any more.",
    "log_in": "Log in",
    "login_ended": "Your login has ended.",
    "lost": "Reconnecting to the server… Last state {time}.",
    "phone_keeps_device": "Disconnected here, but WhatsApp can't be reached: remove this device on the phone, under Linked devices.",
    "qr": "QR code for linking WhatsApp",
    "reload": "Reload",
    "retry": "Trying again in {left}",
    "second": "s",
    "status_connected": "Connected",
    "status_disconnected": "Not connected",
    "status_error": "Trouble",
    "status_expired": "Expired",
    "status_qr_ready": "Ready to scan",
    "status_qr_requested": "Asking for a code",
    "status_reconnecting": "Reconnecting",
    "status_scanning": "Linking",
    "use_here": "Use here",
    "wait": "Time left: {left}"
  }
};

export const language = document.documentElement.lang in WORDS ? document.documentElement.lang : "id";

/** The sentence by this name, with its {places} filled in. */
export function say(name, values = {}) {
  return WORDS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
