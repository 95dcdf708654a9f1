"""Virtual phones: what a person holds in the hand and points at a screen."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from talkabiz.sandbox.accounts import Account, Accounts, Device
from talkabiz.sandbox.attempt import Attempt
from talkabiz.sandbox.code_requests import CodeRequest
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.faults import Faults
from talkabiz.sandbox.link_codes import read_typed
from talkabiz.sandbox.nodes import Node
from talkabiz.sandbox.pairing import Attempts
from talkabiz.sandbox.qr import read_code

SCAN_SECONDS = 10  # for the client to answer; it takes some milliseconds
_COME_AGAIN = Node("stream:error", {"code": "515"})


class Phones:
    def __init__(self, accounts: Accounts, attempts: Attempts, faults: Faults) -> None:
        self._accounts = accounts
        self._attempts = attempts
        self._faults = faults
        self._cameras: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def add(self, number: str, name: str = "") -> tuple[Account, bool]:
        """The phone, and whether it is new; an old one gets the name. SandboxError `invalid_input`."""
        return self._accounts.add(number, name)

    def get(self, number: str) -> Account:
        """SandboxError `not_found`."""
        return self._accounts.get(number)

    def all(self) -> list[Account]:
        return self._accounts.all()

    async def scan(
        self, number: str, qr_text: str, within_seconds: float = SCAN_SECONDS, *, hidden: bool = False
    ) -> Device:
        """The device, once its client has signed for it and was told to log in.

        SandboxError `not_found`, `invalid_qr`, `unknown_ref`, `qr_expired`, `device_limit`, `pair_refused` or
        `pair_timeout`; no device was linked then.
        """
        account = self._accounts.get(number)
        code = read_code(qr_text)
        async with self._cameras[number]:
            attempt = self._attempts.find(code)
            device = account.new_device(code.noise_key, code.identity_key, attempt.platform, hidden=hidden)
            await self._link(attempt, account, device, code.adv_secret, within_seconds)
        return device

    async def enter_code(self, number: str, typed: str, within_seconds: float = SCAN_SECONDS) -> Device:
        """As `scan`, by the code that a client shows for this number.

        SandboxError `not_found`, `invalid_code`, `unknown_code` if none asked for one, `code_expired`, `wrong_code`,
        `device_limit`, `pair_refused` or `pair_timeout`. Only after a wrong code it may be typed again.
        """
        account = self._accounts.get(number)
        code = read_typed(typed)
        async with self._cameras[number]:
            request = self._attempts.codes.find(number)
            attempt = request.attempt
            device = account.new_device(attempt.link.client_key, attempt.identity_key, attempt.platform)
            secret = await _agree(request, code, account, within_seconds)
            self._attempts.codes.check(request)
            await self._link(attempt, account, device, secret, within_seconds)
        return device

    async def _link(
        self, attempt: Attempt, account: Account, device: Device, secret: bytes, within_seconds: float
    ) -> None:
        self._attempts.close(attempt)
        await _pair(attempt, account, device, self._secret(device, secret), within_seconds)
        self._accounts.link(account, device)
        self._dismiss(attempt, device)

    def _secret(self, device: Device, secret: bytes) -> bytes:
        return bytes(len(secret)) if self._strikes("bad_hmac", device) else secret

    def _dismiss(self, attempt: Attempt, device: Device) -> None:
        """After pairing the client is to come again, as the device it is now."""
        if not self._strikes("lost_515", device):
            attempt.link.part(_COME_AGAIN)

    def _strikes(self, fault: str, device: Device) -> bool:
        return not device.hidden and self._faults.strike(fault, device.jid.user) is not None


async def _agree(request: CodeRequest, code: str, account: Account, within_seconds: float) -> bytes:
    try:
        async with asyncio.timeout(within_seconds):
            return await request.agree(code, account)
    except TimeoutError:
        raise _silent() from None


async def _pair(attempt: Attempt, account: Account, device: Device, secret: bytes, within_seconds: float) -> None:
    """A client that wasn't linked loses its connection, or it would wait for ever; one that refused may leave first."""
    try:
        async with asyncio.timeout(within_seconds):
            await attempt.pair(account, device, secret)
    except SandboxError:
        attempt.link.part_soon()
        raise
    except TimeoutError:
        attempt.link.abort()
        raise _silent() from None
    except asyncio.CancelledError:
        attempt.link.abort()
        raise


def _silent() -> SandboxError:
    return SandboxError(
        "pair_timeout",
        "Perangkat tidak menjawab penautan pada waktunya.",
        "The device didn't answer the pairing in time.",
        504,
    )
