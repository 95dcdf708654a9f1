"""What a session's steps ask of WhatsApp, done: one klien's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from talkabiz.domain import effects as e
from talkabiz.services.ports import WhatsApp

LogOuts = list["asyncio.Task[bool]"]
"""Log-outs under way; each tells in the end whether WhatsApp heard of it."""


class Deeds:
    def __init__(self, klien_id: int, whatsapp: WhatsApp) -> None:
        self._klien_id = klien_id
        self._whatsapp = whatsapp
        self._log_outs: set[asyncio.Task[bool]] = set()

    def do(self, effects: Iterable[e.Effect]) -> LogOuts:
        """All of them, in order. Nothing is waited for."""
        return [log_out for effect in effects if (log_out := self._do(effect))]

    def _do(self, effect: e.Effect) -> asyncio.Task[bool] | None:
        match effect:
            case e.StartPairing(attempt):
                self._whatsapp.start_pairing(self._klien_id, attempt)
            case e.AskPairingCode(attempt, phone):
                self._whatsapp.ask_pairing_code(self._klien_id, attempt, phone)
            case e.StartSession(attempt, device):
                self._whatsapp.start_session(self._klien_id, attempt, device)
            case e.CloseAttempt(attempt):
                self._whatsapp.close(attempt)
            case e.ForgetDevice(attempt, device):
                self._whatsapp.forget_device(self._klien_id, attempt, device)
            case e.LogOut(attempt, device):
                return self._log_out(attempt, device)
            case _:
                raise TypeError(effect)
        return None

    def _log_out(self, attempt: str | None, device: str) -> asyncio.Task[bool]:
        """Beside the session's task, which goes on: WhatsApp may take seconds to answer."""
        log_out = self._whatsapp.log_out(self._klien_id, attempt, device)
        task = asyncio.get_running_loop().create_task(log_out, name=f"log out klien {self._klien_id}")
        self._log_outs.add(task)
        task.add_done_callback(self._log_outs.discard)
        return task
