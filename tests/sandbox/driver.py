"""The unmodified library in a process of its own, driven by lines of JSON; run with the root key to trust as argument.

In:  {"id", "do": "start" | "stop" | "connected" | "send" | one of the other names below, "ask": number, …}
Out: {"id", "event": "qr" | "status" | "event" | "returned" | "answer", …}, an answer with the number it was asked by.
Those that wait for WhatsApp run beside the others. All pass the product's own gate (talkabiz/whatsapp/gate.py): a start
or stop beside a call's entry would end the process.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import sys
import threading
import time
from contextlib import nullcontext
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from talkabiz.whatsapp.gate import Gate, Lease
from talkabiz.whatsapp.library import swap_root_key
from talkabiz.whatsapp.magic import provide_libmagic

# The Go code prints to the standard output; what is ours leaves by a copy of it.
_OUT = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

provide_libmagic()

from neonize import _binder as binder  # noqa: E402
from neonize.events import INT_TO_EVENT  # noqa: E402
from neonize.proto import Neonize_pb2 as neonize  # noqa: E402
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message  # noqa: E402

EVENTS = bytes(code for code in INT_TO_EVENT if code)
AT_ONCE = {"stop", "logout", "connected", "logged_in", "active"}
_keep: list[Any] = []
_lock = threading.Lock()
_gate = Gate()
_may_stop: dict[str, bool] = {}
"""Not from a start to its first sign, nor from a status to event 0: the session has yet to read the tables."""
_stopped: set[str] = set()
STOP_SECONDS = 3.0


def tell(session: str, event: str, **facts: Any) -> None:
    with _lock:
        _OUT.write(json.dumps({"id": session, "event": event, **facts}) + "\n")


def run(session: str, path: str, proxy: str) -> None:
    leases: list[Lease] = [_gate.exclusive()]  # until the first sign that the start is through

    def sign(*, may_stop: bool = True) -> None:
        _may_stop[session] = may_stop
        while leases:
            leases.pop().release()

    def on_code(_: object, text: int) -> None:
        sign()
        tell(session, "qr", code=ctypes.string_at(text).decode())

    def on_status(_: object, text: int) -> None:
        sign(may_stop=False)
        tell(session, "status", status=ctypes.string_at(text).decode())
        leases.append(_gate.shared())  # it goes on to read the tables, and then tells event 0
        if session in _stopped:  # in the meantime: the tables have nothing for it, which would end the process
            leases.pop().release()
            threading.Event().wait()

    def on_event(_id: bytes, data: int, size: int, code: int) -> None:
        if code == 0:
            sign()
        message = INT_TO_EVENT[code].FromString(ctypes.string_at(data, size))
        tell(session, "event", name=type(message).__name__, data=MessageToDict(message))

    callbacks = (
        binder.func_string(on_code),
        binder.func_string(on_status),
        binder.func_callback_bytes(on_event),
        binder.func_callback_bytes2(lambda _data, _size: None),
    )
    _keep.append(callbacks)
    settings = binder.ProxySettings(proxy_address=proxy)._to_c_struct()
    error = binder.gocode.Neonize(
        path.encode(), session.encode(), b"", 0, 0, b"ERROR", *callbacks,
        EVENTS, len(EVENTS), b"", 0, b"", 0, ctypes.byref(settings),
    )  # fmt: skip
    sign()
    tell(session, "returned", error=ctypes.string_at(error).decode())


def jid(address: str) -> Any:
    """Of `user:device@server`."""
    user, _, server = address.partition("@")
    user, _, device = user.partition(":")
    return neonize.JID(User=user, RawAgent=0, Device=int(device or 0), Integrator=0, Server=server, IsEmpty=False)


def sized(data: bytes) -> tuple[bytes, int]:
    return data, len(data)


def to(address: str) -> tuple[bytes, int]:
    return sized(jid(address).SerializeToString())


def many(addresses: list[str]) -> tuple[bytes, int]:
    return sized(neonize.JIDArray(JIDS=map(jid, addresses)).SerializeToString())


def read(kind: Any, answer: bytes) -> Any:
    """What the library returned; the binding has copied and freed it."""
    return MessageToDict(kind.FromString(answer))


def word(address: int) -> str:
    return ctypes.string_at(address).decode()


def do(order: dict[str, Any]) -> Any:
    session, go = order["id"].encode(), binder.gocode
    match order["do"]:
        case "stop":
            stop(order["id"], session, go)
            return None
        case "logout":
            return word(go.Logout(session))
        case "connected":
            return bool(go.IsConnected(session))
        case "logged_in":
            return bool(go.IsLoggedIn(session))
        case "active":
            go.SetForceActiveDeliveryReceipts(session, True)
            return None
        case "on_whatsapp":
            words = " ".join(order["numbers"]).encode()
            return read(neonize.IsOnWhatsAppReturnFunction, go.IsOnWhatsApp(session, words))
        case "user_info":
            return read(neonize.GetUserInfoReturnFunction, go.GetUserInfo(session, *many(order["jids"])))
        case _:
            return chat(order, session, go)


def stop(name: str, session: bytes, go: Any) -> None:
    """A run that can't be stopped yet only loses its link."""
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        with _gate.exclusive():
            if _may_stop.get(name, True):
                _stopped.add(name)
                go.Stop(session)
                return
        time.sleep(0.02)
    go.Disconnect(session)


def chat(order: dict[str, Any], session: bytes, go: Any) -> Any:
    match order["do"]:
        case "send":
            message = ParseDict(order["message"], Message()).SerializeToString()
            answer = go.SendMessage(session, *to(order["to"]), *sized(message))
            return read(neonize.SendMessageReturnFunction, answer)
        case "upload":
            data = base64.b64decode(order["data"])
            return read(neonize.UploadReturnFunction, go.Upload(session, *sized(data), order["kind"]))
        case "download":
            message = ParseDict(order["message"], Message()).SerializeToString()
            return read(neonize.DownloadReturnFunction, go.DownloadAny(session, *sized(message)))
        case "mark":
            ids, sender = " ".join(order["ids"]).encode(), to(order["sender"])
            now, type_ = int(time.time()), order["type"].encode()
            return word(go.MarkRead(session, ids, now, *to(order["chat"]), *sender, type_))
        case "typing":
            return word(go.SendChatPresence(session, *to(order["chat"]), order["state"], order["media"]))
        case "subscribe":
            return word(go.SubscribePresence(session, *to(order["to"])))
        case _:
            return group(order, session, go)


def group(order: dict[str, Any], session: bytes, go: Any) -> Any:
    match order["do"]:
        case "create_group":
            wish = neonize.ReqCreateGroup(name=order["name"], Participants=map(jid, order["members"]), CreateKey="k")
            answer = go.CreateGroup(session, *sized(wish.SerializeToString()))
            return read(neonize.GetGroupInfoReturnFunction, answer)
        case "group":
            return read(neonize.GetGroupInfoReturnFunction, go.GetGroupInfo(session, *to(order["group"])))
        case "groups":
            return read(neonize.GetJoinedGroupsReturnFunction, go.GetJoinedGroups(session))
        case "change_group":
            change, members = order["change"].encode(), many(order["members"])
            answer = go.UpdateGroupParticipants(session, *to(order["group"]), *members, change)
            return read(neonize.UpdateGroupParticipantsReturnFunction, answer)
        case "name_group":
            return word(go.SetGroupName(session, *to(order["group"]), order["name"].encode()))
        case "leave_group":
            return word(go.LeaveGroup(session, *to(order["group"])))
    raise ValueError(order["do"])


def handle(order: dict[str, Any]) -> None:
    try:
        with nullcontext() if order["do"] == "stop" else _gate.shared():
            answer = do(order)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test has to learn it
        answer = {"Error": repr(error)}
    tell(order["id"], "answer", value=answer, ask=order.get("ask"))


if __name__ == "__main__":
    swap_root_key(bytes.fromhex(sys.argv[1]))
    tell("", "ready")
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            _may_stop[order["id"]] = False
            threading.Thread(target=run, args=(order["id"], order["path"], order["proxy"]), daemon=True).start()
        elif order["do"] in AT_ONCE:
            handle(order)
        else:
            threading.Thread(target=handle, args=(order,), daemon=True).start()
    os._exit(0)  # threads of the library may hang in it for ever
