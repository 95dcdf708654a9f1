"""The unmodified library in a process of its own, driven by lines of JSON; run with the root key to trust as argument.

In:  {"id", "do": "start" | "stop" | "logout" | "connected" | "logged_in" | "on_whatsapp", …}
Out: {"id", "event": "qr" | "status" | "event" | "returned" | "answer", …}
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
from typing import Any

from google.protobuf.json_format import MessageToDict

from talkabiz.whatsapp.library import swap_root_key
from talkabiz.whatsapp.magic import provide_libmagic

# The Go code prints to the standard output; what is ours leaves by a copy of it.
_OUT = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

provide_libmagic()

from neonize import _binder as binder  # noqa: E402
from neonize.events import INT_TO_EVENT  # noqa: E402

EVENTS = bytes(code for code in INT_TO_EVENT if code)
_keep: list[Any] = []
_lock = threading.Lock()


def tell(session: str, event: str, **facts: Any) -> None:
    with _lock:
        _OUT.write(json.dumps({"id": session, "event": event, **facts}) + "\n")


def run(session: str, path: str, proxy: str) -> None:
    def on_event(_id: bytes, data: int, size: int, code: int) -> None:
        message = INT_TO_EVENT[code].FromString(ctypes.string_at(data, size))
        tell(session, "event", name=type(message).__name__, data=MessageToDict(message))

    callbacks = (
        binder.func_string(lambda _, text: tell(session, "qr", code=ctypes.string_at(text).decode())),
        binder.func_string(lambda _, text: tell(session, "status", status=ctypes.string_at(text).decode())),
        binder.func_callback_bytes(on_event),
        binder.func_callback_bytes2(lambda _data, _size: None),
    )
    _keep.append(callbacks)
    settings = binder.ProxySettings(proxy_address=proxy)._to_c_struct()
    error = binder.gocode.Neonize(
        path.encode(), session.encode(), b"", 0, 0, b"ERROR", *callbacks,
        EVENTS, len(EVENTS), b"", 0, b"", 0, ctypes.byref(settings),
    )  # fmt: skip
    tell(session, "returned", error=ctypes.string_at(error).decode())


def do(order: dict[str, Any]) -> None:
    session, raw_id = order["id"], order["id"].encode()
    match order["do"]:
        case "start":
            threading.Thread(target=run, args=(session, order["path"], order["proxy"]), daemon=True).start()
        case "stop":
            binder.gocode.Stop(raw_id)
            tell(session, "answer", value=None)
        case "logout":
            tell(session, "answer", value=ctypes.string_at(binder.gocode.Logout(raw_id)).decode())
        case "connected":
            tell(session, "answer", value=bool(binder.gocode.IsConnected(raw_id)))
        case "logged_in":
            tell(session, "answer", value=bool(binder.gocode.IsLoggedIn(raw_id)))
        case "on_whatsapp":
            model = binder.gocode.IsOnWhatsApp(raw_id, " ".join(order["numbers"]).encode())
            tell(session, "answer", value=repr(model.contents.get_bytes()))


if __name__ == "__main__":
    swap_root_key(bytes.fromhex(sys.argv[1]))
    tell("", "ready")
    for line in sys.stdin:
        do(json.loads(line))
    os._exit(0)  # threads of the library may hang in it for ever
