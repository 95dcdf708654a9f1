"""The library as it comes, for somebody else's program in a process of its own that speaks with a loopback WhatsApp."""

from __future__ import annotations

import importlib
import os

from talkabiz.whatsapp.binding import BINDER
from talkabiz.whatsapp.library import LibraryError, swap_root_key
from talkabiz.whatsapp.magic import provide_libmagic


def load_bare(root_key: bytes) -> None:
    """Loads it, and makes it trust this root.

    Raises:
        LibraryError: `root_key_alone` if this process could reach the real WhatsApp: no proxy, or no authority of its
            own, in the environment; or of `swap_root_key`.

    """
    if not (os.environ.get("HTTPS_PROXY") and os.environ.get("SSL_CERT_FILE")):
        raise LibraryError(
            "root_key_alone",
            "Kunci akar hanya dapat diganti bersama proxy dan CA milik WhatsApp loopback itu.",
            "The root key is only replaced together with proxy and CA of that loopback WhatsApp.",
        )
    provide_libmagic()
    importlib.import_module(BINDER)
    swap_root_key(root_key)
