"""The control API of phones that chat: messages, groups, typing, and being offline."""

from __future__ import annotations

import asyncio
import math
from typing import Any, cast

from quart import Blueprint, Quart, Response, jsonify, request
from quart.blueprints import BlueprintSetupState

from talkabiz.domain.answers import Change
from talkabiz.sandbox.bodies import json_body
from talkabiz.sandbox.chat_log import Entry
from talkabiz.sandbox.chat_views import ChatViews
from talkabiz.sandbox.chat_wishes import MESSAGE, Wish, read_form, read_wish
from talkabiz.sandbox.chats import Attachment, Chats
from talkabiz.sandbox.faults import LONGEST_SECONDS
from talkabiz.sandbox.views import Fields, invalid, too_large

LARGEST_MESSAGE = 64 << 20
"""Of a request with a medium in it."""
LONGEST_WAIT_SECONDS = 60
_TYPING = ("composing", "recording", "paused")
_NONE = type(None)
_TYPE: Fields = {"to": (str,), "state": (str,)}
_OFFLINE: Fields = {"seconds": (int, float, _NONE)}
_GROUP: Fields = {"name": (str,), "participants": (list,)}
_MEMBERS: Fields = {"action": (str,), "participants": (list,)}
_LONGEST_GROUP_NAME = 100


def add_routes(routes: Blueprint, chats: Chats, views: ChatViews) -> None:
    """Under the panel's prefix, with its rules on who may call."""
    panel = _ChatPanel(chats, views)
    phone = "/phones/<number>"
    for method, path, view in (
        ("GET", "/messages", panel.list_messages),
        ("POST", "/messages", panel.send_message),
        ("GET", "/messages/<message>", panel.get_message),
        ("GET", "/messages/<message>/media", panel.get_media),
        ("POST", "/messages/<message>/read", panel.read_message),
        ("POST", "/messages/<message>/played", panel.play_message),
        ("POST", "/typing", panel.type),
        ("POST", "/groups", panel.create_group),
        ("GET", "/groups/<group>", panel.get_group),
        ("DELETE", "/groups/<group>", panel.leave_group),
        ("POST", "/groups/<group>/participants", panel.change_group),
        ("POST", "/offline", panel.go_offline),
        ("POST", "/online", panel.go_online),
    ):
        routes.add_url_rule(phone + path, view.__name__, view, methods=[method])
    routes.record_once(_take_larger_bodies)


class _ChatPanel:
    def __init__(self, chats: Chats, views: ChatViews) -> None:
        self._chats = chats
        self._views = views

    async def list_messages(self, number: str) -> Response:
        """`?after=ID` for those behind that one, `?wait=SECONDS` to wait until there is one, `?chat=` for one chat."""
        handset = self._chats.handset(number)
        after, chat, seconds = request.args.get("after"), request.args.get("chat"), _seconds(request.args.get("wait"))

        def look() -> list[Entry]:
            found = handset.log.after(after)
            return [entry for entry in found if entry.chat == self._chats.chat(chat)] if chat else found

        try:
            async with asyncio.timeout(seconds):
                while seconds and not look():
                    await handset.log.changed()
        except TimeoutError:
            pass
        return jsonify(self._views.messages(handset, look()))

    async def send_message(self, number: str) -> tuple[Response, int]:
        wish = await self._read_wish(number)
        to, what, reply_to, forwards = wish.to, wish.what, wish.reply_to, wish.forwards
        if isinstance(what, Attachment):
            entry = await self._chats.send_media(number, to, what, reply_to, forwards=forwards)
        else:
            entry = await self._chats.send(number, to, what, reply_to, forwards=forwards)
        return self._message(number, entry), 201

    async def get_message(self, number: str, message: str) -> Response:
        return self._message(number, self._chats.entry(number, message))

    async def get_media(self, number: str, message: str) -> Response:
        data, media = await self._chats.media(number, message)
        # Never shown in the page of this address: a person may have sent anything.
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(
            data, content_type="application/octet-stream", headers=headers | {"X-Mimetype": _latin(media.mimetype)}
        )

    async def read_message(self, number: str, message: str) -> Response:
        return self._message(number, await self._chats.read(number, message, "read"))

    async def play_message(self, number: str, message: str) -> Response:
        return self._message(number, await self._chats.read(number, message, "played"))

    async def type(self, number: str) -> tuple[str, int]:
        body = await json_body(_TYPE)
        if body["state"] not in _TYPING:
            raise invalid(
                "state", f"harus salah satu dari: {', '.join(_TYPING)}", f"must be one of: {', '.join(_TYPING)}"
            )
        await self._chats.type(number, body["to"], body["state"])
        return "", 204

    async def create_group(self, number: str) -> tuple[Response, int]:
        body = await json_body(_GROUP)
        if not 0 < len(body["name"]) <= _LONGEST_GROUP_NAME:
            raise invalid("name", "harus 1 sampai 100 huruf", "must be 1 to 100 characters")
        group = await self._chats.create_group(number, body["name"], _texts(body["participants"]))
        return jsonify(self._views.group(group)), 201

    async def get_group(self, number: str, group: str) -> Response:
        return jsonify(self._views.group(await self._chats.group_info(number, group)))

    async def leave_group(self, number: str, group: str) -> tuple[str, int]:
        await self._chats.leave_group(number, group)
        return "", 204

    async def change_group(self, number: str, group: str) -> Response:
        body = await json_body(_MEMBERS)
        actions = [change.value for change in Change]
        if body["action"] not in actions:
            raise invalid(
                "action", f"harus salah satu dari: {', '.join(actions)}", f"must be one of: {', '.join(actions)}"
            )
        changed = await self._chats.change_group(number, group, _texts(body["participants"]), Change(body["action"]))
        return jsonify({"participants": [self._views.member(member) for member in changed]})

    async def go_offline(self, number: str) -> tuple[str, int]:
        body = await json_body(_OFFLINE)
        seconds = body["seconds"]
        if seconds is not None and not 0 < seconds <= LONGEST_SECONDS:
            raise invalid(
                "seconds",
                f"harus di atas 0, paling banyak {LONGEST_SECONDS}",
                f"must be above 0, at most {LONGEST_SECONDS}",
            )
        await self._chats.go_offline(number, seconds)
        return "", 204

    async def go_online(self, number: str) -> tuple[str, int]:
        await self._chats.go_online(number)
        return "", 204

    async def _read_wish(self, number: str) -> Wish:
        self._chats.handset(number)
        if request.mimetype != "multipart/form-data":
            body = await json_body(MESSAGE, LARGEST_MESSAGE)
            return read_wish(body, lambda message: self._chats.ref(number, message))
        if (request.content_length or 0) > LARGEST_MESSAGE:
            raise too_large()
        form, files = await request.form, await request.files
        file = files.get("file")
        if file is None:
            raise invalid("file", "diperlukan", "is needed")
        return read_form(form.to_dict(), file.read(), file.filename or "", file.mimetype or "")

    def _message(self, number: str, entry: Entry) -> Response:
        return jsonify(self._views.message(self._chats.handset(number), entry))


def _texts(values: list[Any]) -> list[str]:
    if not values or not all(isinstance(value, str) for value in values):
        raise invalid("participants", "harus daftar nomor", "must be a list of numbers")
    return values


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
        raise invalid("wait", f"harus 0 sampai {LONGEST_WAIT_SECONDS}", f"must be 0 to {LONGEST_WAIT_SECONDS}")
    return seconds


def _latin(mimetype: str) -> str:
    """Fit for a header: whoever sent the medium has chosen it."""
    return "".join(letter for letter in mimetype if letter.isascii() and letter.isprintable())[:100]


def _take_larger_bodies(state: BlueprintSetupState) -> None:
    """The application around may take less. Who may call is checked before a body is read."""
    application = cast("Quart", state.app)
    prefix, usual = f"{state.url_prefix or ''}/phones/", application.request_class

    class Request(usual):  # type: ignore[misc, valid-type] # whatever the application has
        def __init__(self, *args: Any, max_content_length: int | None = None, **named: Any) -> None:
            path = str(args[2])
            largest = LARGEST_MESSAGE if path.startswith(prefix) else max_content_length
            super().__init__(*args, max_content_length=largest, **named)
            self.max_content_length = largest  # of a form

    application.request_class = Request
