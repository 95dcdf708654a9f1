"""Who may use the sandbox's pages and control: the person and the programs of this machine. There is no credential."""

from __future__ import annotations

import ipaddress

from quart import request

from talkabiz.sandbox.errors import SandboxError

_BY_PROXIES = {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"}
"""Headers that a proxy adds, beside those that begin with `X-Forwarded-`."""
_OWN_PAGE = {"same-origin", "none"}
"""What a browser says of a request by a page of this address, or by the person at the address bar."""


def check_machine() -> None:
    """A peer on loopback that also names the host so, by itself. SandboxError `forbidden`.

    A proxy in front of us says whom it forwards; that it is trusted elsewhere changes nothing.
    """
    if not _is_loopback(request.remote_addr or "") or not _is_loopback(_host_name(request.host)):
        raise _forbidden("lewat 127.0.0.1", "by 127.0.0.1")
    if any(name in _BY_PROXIES or name.startswith("x-forwarded-") for name in map(str.lower, request.headers.keys())):
        raise _forbidden("tidak lewat proxy", "not through a proxy")


async def check_caller() -> None:
    """... and no page of another site that a browser on this machine was led to: it has another name, or origin."""
    check_machine()
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
