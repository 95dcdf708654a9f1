"""The control API: virtual phones and faults over HTTP, for the person and the programs of this machine alone."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response, jsonify, request
from werkzeug.datastructures import FileStorage

from talkabiz.sandbox import chat_panel, live_panel
from talkabiz.sandbox.accounts import Device
from talkabiz.sandbox.bodies import json_body
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.faults import Fault
from talkabiz.sandbox.guard import check_caller
from talkabiz.sandbox.screens import Screens, look_at, no_screens, read_picture
from talkabiz.sandbox.views import (
    Fields,
    KlienOf,
    device_view,
    fault_view,
    invalid,
    phone_view,
    problem_view,
)
from talkabiz.sandbox.world import Sandbox

PREFIX = "/sandbox/api"

_NONE = type(None)
_PHONE: Fields = {"number": (str,), "name": (str, _NONE), "chats": (bool, _NONE)}
_SCAN: Fields = {"qr": (str, _NONE), "klien_id": (int, _NONE)}
_CODE: Fields = {"code": (str,)}
_FAULT: Fields = {"fault": (str,), "number": (str, _NONE), "count": (int, _NONE), "seconds": (int, float, _NONE)}


def blueprint(sandbox: Sandbox, klien_of: KlienOf | None = None, screens: Screens | None = None) -> Blueprint:
    """Where the product runs in the same process, `klien_of` names the klien behind a device, and `screens` says what
    its kliens show.
    """
    klien_of, screens = klien_of or _nobody, screens or no_screens
    panel = _Panel(sandbox, klien_of, screens)
    routes = Blueprint("sandbox", __name__, url_prefix=PREFIX)
    routes.before_request(check_caller)
    routes.register_error_handler(SandboxError, problem)
    for method, path, view in (
        ("GET", "/phones", panel.list_phones),
        ("POST", "/phones", panel.add_phone),
        ("POST", "/phones/<number>/scan", panel.scan),
        ("POST", "/phones/<number>/enter-code", panel.enter_code),
        ("GET", "/phones/<number>/devices", panel.list_devices),
        ("DELETE", "/phones/<number>/devices/<int:device>", panel.remove_device),
        ("GET", "/faults", panel.list_faults),
        ("POST", "/faults", panel.add_fault),
        ("DELETE", "/faults", panel.clear_faults),
    ):
        routes.add_url_rule(path, view.__name__, view, methods=[method])
    chat_panel.add_routes(routes, sandbox.chats, sandbox.chat_views)
    live_panel.add_routes(routes, sandbox, klien_of, screens)
    return routes


class _Panel:
    def __init__(self, sandbox: Sandbox, klien_of: KlienOf, screens: Screens) -> None:
        self._sandbox = sandbox
        self._screens = screens
        self._klien_of = klien_of

    async def list_phones(self) -> Response:
        online = set(self._sandbox.online())
        return jsonify({"phones": [phone_view(phone, online, self._klien_of) for phone in self._sandbox.phones.all()]})

    async def add_phone(self) -> tuple[Response, int]:
        body = await json_body(_PHONE)
        phone, new = self._sandbox.phones.add(body["number"], body["name"] or "")
        if body["chats"] is not None:
            await self._sandbox.chats.set_chats(phone.number, chats=body["chats"])
        return jsonify(phone_view(phone, set(self._sandbox.online()), self._klien_of)), 201 if new else 200

    async def scan(self, number: str) -> Response:
        self._sandbox.phones.get(number)
        return self._linked(number, await self._sandbox.phones.scan(number, await self._seen_code()))

    async def _seen_code(self) -> str:
        """Of a text, a picture, or a klien's screen."""
        if request.mimetype == "multipart/form-data":
            picture = (await request.files).get("image")
            if not isinstance(picture, FileStorage):
                raise invalid("image", "diperlukan", "is needed")
            return await read_picture(picture.read())
        body = await json_body(_SCAN)
        if (body["qr"] is None) == (body["klien_id"] is None):
            raise invalid("qr", "atau klien_id diperlukan, satu saja", "or klien_id is needed, one of them")
        return str(body["qr"]) if body["qr"] is not None else await look_at(self._screens, body["klien_id"])

    async def enter_code(self, number: str) -> Response:
        body = await json_body(_CODE)
        return self._linked(number, await self._sandbox.phones.enter_code(number, body["code"]))

    def _linked(self, number: str, device: Device) -> Response:
        view = device_view(device, set(self._sandbox.online()), self._klien_of)
        return jsonify({"number": number} | view)

    async def list_devices(self, number: str) -> Response:
        online = set(self._sandbox.online())
        devices = self._sandbox.phones.get(number).shown_devices
        return jsonify({"devices": [device_view(device, online, self._klien_of) for device in devices]})

    async def remove_device(self, number: str, device: int) -> tuple[str, int]:
        self._sandbox.remove_device(number, device)
        return "", 204

    async def list_faults(self) -> Response:
        return jsonify({"faults": [self._fault(fault) for fault in self._sandbox.faults.all()]})

    async def add_fault(self) -> tuple[Response, int]:
        body = await json_body(_FAULT)
        fault = self._sandbox.inject(body["fault"], body["number"], body["count"], body["seconds"])
        return jsonify(self._fault(fault)), 201

    async def clear_faults(self) -> tuple[str, int]:
        self._sandbox.faults.clear()
        return "", 204

    def _fault(self, fault: Fault) -> dict[str, Any]:
        return fault_view(fault, self._sandbox.faults.seconds_left(fault))


def problem(error: SandboxError) -> Response:
    """RFC 9457."""
    response = jsonify(problem_view(error))
    response.status_code = error.status
    response.content_type = "application/problem+json"
    return response


def _nobody(_jid: str) -> None:
    return None
