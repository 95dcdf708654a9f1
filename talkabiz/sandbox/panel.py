"""The control API: virtual phones and faults over HTTP, for the person and the programs of this machine alone."""

from __future__ import annotations

import ipaddress
from typing import Any

from quart import Blueprint, Response, jsonify, request

from talkabiz.sandbox.accounts import Device
from talkabiz.sandbox.bodies import json_body
from talkabiz.sandbox.chat_panel import add_routes
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.faults import Fault
from talkabiz.sandbox.views import (
    Fields,
    KlienOf,
    device_view,
    fault_view,
    phone_view,
    problem_view,
)
from talkabiz.sandbox.world import Sandbox

PREFIX = "/sandbox/api"

_NONE = type(None)
_PHONE: Fields = {"number": (str,), "name": (str, _NONE), "chats": (bool, _NONE)}
_SCAN: Fields = {"qr": (str,)}
_CODE: Fields = {"code": (str,)}
_FAULT: Fields = {"fault": (str,), "number": (str, _NONE), "count": (int, _NONE), "seconds": (int, float, _NONE)}
_BY_PROXIES = {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"}
"""Headers that a proxy adds, beside those that begin with `X-Forwarded-`."""
_OWN_PAGE = {"same-origin", "none"}
"""What a browser says of a request by a page of this address, or by the person at the address bar."""


def blueprint(sandbox: Sandbox, klien_of: KlienOf | None = None) -> Blueprint:
    """`klien_of` names the klien behind a device, where the product runs in the same process."""
    panel = _Panel(sandbox, klien_of or _nobody)
    routes = Blueprint("sandbox", __name__, url_prefix=PREFIX)
    routes.before_request(_check_caller)
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
    add_routes(routes, sandbox.chats, sandbox.chat_views)
    return routes


class _Panel:
    def __init__(self, sandbox: Sandbox, klien_of: KlienOf) -> None:
        self._sandbox = sandbox
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
        if request.mimetype == "multipart/form-data":
            raise SandboxError(
                "unsupported_image",
                "Sandbox ini belum bisa membaca QR dari gambar; kirim teksnya sebagai qr.",
                "This sandbox can't read a QR code from an image yet; send its text as qr.",
            )
        body = await json_body(_SCAN)
        return self._linked(number, await self._sandbox.phones.scan(number, body["qr"]))

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


async def _check_caller() -> None:
    """There is no credential, so only this machine may call: a peer on loopback that also names the host so, by itself.

    A proxy in front of us says whom it forwards; that it is trusted elsewhere changes nothing. A page of another site
    that a browser on this machine was led to has another name, or another origin.
    """
    if not _is_loopback(request.remote_addr or "") or not _is_loopback(_host_name(request.host)):
        raise _forbidden("lewat 127.0.0.1", "by 127.0.0.1")
    if any(name in _BY_PROXIES or name.startswith("x-forwarded-") for name in map(str.lower, request.headers.keys())):
        raise _forbidden("tidak lewat proxy", "not through a proxy")
    origin = request.headers.get("Origin")
    is_own = origin in {None, f"{request.scheme}://{request.host}"}
    if not is_own or request.headers.get("Sec-Fetch-Site", "none") not in _OWN_PAGE:
        raise _forbidden("bukan untuk halaman situs lain", "not for pages of other sites")


def _forbidden(id_: str, en: str) -> SandboxError:
    return SandboxError(
        "forbidden",
        f"Kendali sandbox hanya bisa dipakai dari mesin ini sendiri, {id_}.",
        f"The sandbox's control is for this machine alone, {en}.",
        403,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_name(host: str) -> str:
    """The name in `name`, `name:port`, `[address]` or `[address]:port`."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return name.strip("[]")


def _nobody(_jid: str) -> None:
    return None
