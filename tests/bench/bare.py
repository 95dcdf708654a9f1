"""The bare library, for comparison: one pairing with nothing of ours around it but the loopback's root key.

Started as a process by `tests.bench.linking`. Reads the names of pairings from stdin, one a line; for each prints
`asked SECONDS`, `qr SECONDS TEXT` and, once it has been scanned, `connected SECONDS` (time.monotonic: one clock for the
whole machine).
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from pathlib import Path

from talkabiz.whatsapp import binding

CONNECTED = 3


def main(directory: Path, proxy_url: str, ca_file: str, root_key: str) -> None:
    loaded = binding.load(ca_file=Path(ca_file), root_key=bytes.fromhex(root_key))
    kept: list[object] = []
    print("ready", flush=True)
    for line in sys.stdin:
        kept += [pair(loaded, directory / f"{line.strip()}.db", proxy_url)]


def pair(loaded: binding.Binding, store: Path, proxy_url: str) -> object:
    """Start a pairing. What is returned must be kept: the library calls into it."""
    n, props = loaded.neonize, loaded.device_props
    shown = threading.Event()

    def on_qr(_: int, text: int) -> None:
        if not shown.is_set():
            shown.set()
            say("qr", ctypes.string_at(text).decode())

    def on_event(_: bytes, __: int, ___: int, code: int) -> None:
        if code == CONNECTED:
            say("connected")

    qr = n.func_string(on_qr)
    status = n.func_string(lambda *_: None)
    event = n.func_callback_bytes(on_event)
    log = n.func_callback_bytes2(lambda *_: None)
    proxy = n.ProxySettings(proxy_url)._to_c_struct()
    wanted = bytes([CONNECTED])
    arguments = (
        str(store).encode(),
        store.stem.encode(),
        b"",
        0,
        0,
        b"ERROR",
        qr,
        status,
        event,
        log,
        wanted,
        len(wanted),
    )
    run = n.gocode.Neonize
    rest = (props, len(props), b"", 0, ctypes.byref(proxy))
    say("asked")
    threading.Thread(target=run, args=(*arguments, *rest), daemon=True).start()
    return qr, status, event, log, proxy


def say(what: str, text: str = "") -> None:
    # Descriptor 1 was taken away from the library, but sys.stdout still leads to the parent.
    print(f"{what} {time.monotonic()} {text}".rstrip(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5])
