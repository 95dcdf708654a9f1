"""Clients that wait to be linked, by the codes that they show: to be scanned, or to be typed."""

from __future__ import annotations

from collections import OrderedDict

from talkabiz.sandbox.attempt import Attempt
from talkabiz.sandbox.code_requests import CodeRequests
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.qr import QrCode

REFERENCES = 6
REMEMBERED = 10_000


class Attempts:
    """References that are open, and those that were, so that a late scan is told from a wrong one."""

    def __init__(self) -> None:
        self._open: dict[str, Attempt] = {}
        self._closed: OrderedDict[str, None] = OrderedDict()
        self.codes = CodeRequests()
        """Those of them that asked for a code to type."""

    def open(self, attempt: Attempt) -> None:
        self._open |= dict.fromkeys(attempt.references, attempt)

    def close(self, attempt: Attempt) -> None:
        """It was linked, or has left: nothing that it showed is good any more."""
        self.codes.close(attempt)
        for reference in attempt.references:
            if self._open.pop(reference, None) is not None:
                self._closed[reference] = None
        while len(self._closed) > REMEMBERED:
            self._closed.popitem(last=False)

    def find(self, code: QrCode) -> Attempt:
        """SandboxError `unknown_ref`, `qr_expired`, or `invalid_qr` if reference and keys are of two clients."""
        attempt = self._open.get(code.reference)
        if attempt is None:
            raise _expired() if code.reference in self._closed else _unknown()
        if (code.noise_key, code.identity_key) != (attempt.link.client_key, attempt.identity_key):
            raise SandboxError(
                "invalid_qr",
                "Kunci di kode QR ini bukan milik perangkat yang meminta kodenya.",
                "The keys in this QR code aren't those of the device that asked for it.",
            )
        return attempt


def _expired() -> SandboxError:
    return SandboxError(
        "qr_expired",
        "Kode QR ini sudah tidak berlaku; pindai yang baru.",
        "This QR code is no longer valid; scan a new one.",
        410,
    )


def _unknown() -> SandboxError:
    return SandboxError(
        "unknown_ref",
        "Kode QR ini tidak pernah dikeluarkan oleh sandbox ini.",
        "This sandbox never issued this QR code.",
        404,
    )
