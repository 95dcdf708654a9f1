"""The phone network in this process: the port that the centre needs, over one engine and its store files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog
from ulid import ULID

from talkabiz.domain import inputs as i
from talkabiz.domain.answers import CallFailed
from talkabiz.services.ports import Deliver, StoredDevice
from talkabiz.services.spool import Spool
from talkabiz.whatsapp.attempt import Attempt
from talkabiz.whatsapp.binding import Binding
from talkabiz.whatsapp.calls import Calls
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.engine import Engine, Overhear
from talkabiz.whatsapp.network import REAL, mark_in, mark_of
from talkabiz.whatsapp.pairing_codes import PairingCodes
from talkabiz.whatsapp.pool import Pool
from talkabiz.whatsapp.run import RunClosed
from talkabiz.whatsapp.watch import WATCH_SECONDS, Watch

T = TypeVar("T")
log = structlog.get_logger(__name__)

LOG_OUT_SECONDS = 11.0
"""For all of a log-out; the port promises 12."""
COME_UP_SECONDS = 8.0
LOG_OUT_CALL_SECONDS = 8.0
CODE_SECONDS = 10.0
"""For a code to type. The library itself would wait for 75 s."""


class LocalWhatsApp:
    """Implements `services.ports.WhatsApp`. All methods are called on the loop."""

    def __init__(
        self,
        binding: Binding,
        devices: Devices,
        *,
        proxy_url: str | None,
        loop: asyncio.AbstractEventLoop,
        watch_seconds: float = WATCH_SECONDS,
        spool: Spool | None = None,
    ) -> None:
        self._binding = binding
        self._devices = devices
        self._network = mark_of(binding.root_key)
        self._loop = loop
        self._deliver: Deliver | None = None
        self._engine = Engine(
            binding, proxy_url=proxy_url, loop=loop, deliver=self._pass_on, ended=self._clear_up, spool=spool
        )
        self._pool = Pool(loop)
        self._watching = loop.create_task(Watch(self._engine, self._pool, devices).run(watch_seconds))
        self._codes = PairingCodes(self._fetch_code, self._engine.tell)
        self._doomed: set[str] = set()
        """Stores that are deleted, once more, when their run is over: until then it may write."""
        self._farewells: set[asyncio.Task[bool]] = set()
        self._changed = asyncio.Event()
        self._stopping = False

    # --- the port -----------------------------------------------------------------------------------------------------

    def connect_facts(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def connect_chats(self, overhear: Overhear) -> None:
        """Where what happens in chats goes. Until then it is dropped unread."""
        self._engine.overhear = overhear

    async def ask(self, attempt: str, call: Callable[[Calls], T], *, seconds: float) -> T:
        """Calls into the library for an attempt that runs, on a thread of the pool. CallFailed, or TimeoutError past
        the deadline: then the call goes on, and what comes of it isn't known.
        """
        calls = self.calls(attempt)
        return await self._pool.call(lambda: call(calls), seconds=seconds)

    def calls(self, attempt: str) -> Calls:
        """What can be asked of an attempt that runs, on a thread of whoever asks. CallFailed if none does."""
        found = self._engine.find(attempt)
        if found is None or found.run is None:
            raise CallFailed("not_connected")
        return Calls(self._binding, found.run)

    def start_anew(self, attempt: str, why: str) -> None:
        """What runs is of no use any more, as far as its caller can tell: the centre hears that, and starts another."""
        if found := self._engine.find(attempt):
            log.warning("a session has to be started anew", klien_id=found.klien_id, why=why)
            self._engine.tell(found, i.EngineFailed(attempt, why))

    def start_pairing(self, klien_id: int, attempt: str) -> None:
        if self._stopping:
            return
        store = self._devices.path(klien_id, attempt)
        try:
            self._devices.make_empty(store, self._network)
        except OSError as error:
            log.error("no store file for a pairing", klien_id=klien_id, why=error.strerror)  # noqa: TRY400 - all there is
            self._fail(klien_id, i.EngineFailed(attempt, error.strerror or "", lasting=True))
        else:
            self._engine.start(Attempt(klien_id, attempt, str(store), pairing=True))

    def ask_pairing_code(self, klien_id: int, attempt: str, phone: str) -> None:
        del klien_id
        if found := self._engine.find(attempt):
            self._codes.ask(found, phone)

    def start_session(self, klien_id: int, attempt: str, device: str) -> None:
        if self._stopping:
            return
        store = self._devices.path(klien_id, device)
        if self._devices.has_device(store) is False:
            # As an engine's failure it would be tried for ever, and the klien could never link anew.
            log.warning("the store file of a device is gone", klien_id=klien_id, device=device)
            self._fail(klien_id, i.LoggedOut(attempt, i.LogoutCause.LOGGED_OUT))
        elif not self._is_ours(store):
            self._fail(klien_id, i.OtherNetwork(attempt, is_real=self._network_of(store) == REAL))
        else:
            self._engine.start(Attempt(klien_id, attempt, str(store), pairing=False))

    def close(self, attempt: str) -> None:
        if found := self._engine.find(attempt):
            self._engine.close(found)

    async def log_out(self, klien_id: int, attempt: str | None, device: str) -> bool:
        store = self._devices.path(klien_id, device)
        holder = self._holder(attempt, str(store))
        try:
            if holder is None:
                if self._stopping or self._devices.has_device(store) is False or not self._is_ours(store):
                    return False
                holder = Attempt(klien_id, str(ULID()), str(store), pairing=False)
                self._engine.start(holder)
            holder.muted = True
            async with asyncio.timeout(LOG_OUT_SECONDS):
                return await self._say_goodbye(holder)
        except (TimeoutError, RunClosed):
            return False
        finally:
            if holder:
                self._engine.close(holder)
            self._delete(store)

    def forget_device(self, klien_id: int, attempt: str | None, device: str) -> None:
        store = self._devices.path(klien_id, device)
        for each in self._engine.all():
            if each.name == attempt or each.store == str(store):
                self._engine.close(each)
        self._delete(store)

    def forget_klien(self, klien_id: int) -> None:
        for attempt in self._engine.all():
            if attempt.klien_id == klien_id:
                self._doomed.add(attempt.store)
                self._engine.close(attempt)
        self._devices.delete_klien(klien_id)

    def stored_devices(self) -> Sequence[StoredDevice]:
        found = self._devices.stored()
        ours = [device for device in found if self._is_ours(self._devices.path(device.klien_id, device.device))]
        if others := len(found) - len(ours):
            log.warning("devices of another WhatsApp than this one (sandbox or real) are left alone", count=others)
        return ours

    # --- the end ------------------------------------------------------------------------------------------------------

    async def shutdown(self, seconds: float) -> None:
        """Closes everything; returns when that is done, or the time is over. Runs that still dial aren't waited for."""
        self._stopping = True
        for task in (self._watching, *self._farewells):
            task.cancel()
        self._codes.close()
        for attempt in self._engine.all():
            self._engine.close(attempt)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(attempt.signed for attempt in self._engine.all()):
                    self._changed.clear()
                    await self._changed.wait()
        self._pool.close()

    # --- figures ------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> int:
        return self._engine.running

    @property
    def queued(self) -> int:
        return self._engine.queued

    @property
    def started(self) -> int:
        return self._engine.started

    @property
    def abandoned(self) -> int:
        return self._engine.abandoned

    @property
    def threads(self) -> int:
        return self._engine.threads

    @property
    def lag_seconds(self) -> float:
        return self._engine.lag_seconds

    @property
    def overdue(self) -> int:
        """Calls past their deadline that haven't returned: each holds a thread of the pool."""
        return self._pool.overdue

    # --- inside -------------------------------------------------------------------------------------------------------

    def _network_of(self, store: Path) -> int:
        """That of a file which can't be read is ours: what is wrong with it, its run will say."""
        try:
            return mark_in(store)
        except OSError:
            return self._network

    def _is_ours(self, store: Path) -> bool:
        return self._network_of(store) == self._network

    def _fail(self, klien_id: int, fact: i.Fact) -> None:
        """Later, as every fact: whoever asks isn't told from within."""
        self._loop.call_soon(self._pass_on, klien_id, fact)

    def _pass_on(self, klien_id: int, fact: i.Fact) -> None:
        if self._deliver and not self._stopping:
            self._deliver(klien_id, fact)

    async def _fetch_code(self, attempt: str, phone: str) -> str:
        return await self.ask(attempt, lambda calls: calls.pair_phone(phone), seconds=CODE_SECONDS)

    def _holder(self, name: str | None, store: str) -> Attempt | None:
        """The attempt that has the device now."""
        found = [each for each in self._engine.all() if each.store == store and each.closed_at is None]
        return next((each for each in found if each.name == name), found[0] if found else None)

    async def _say_goodbye(self, holder: Attempt) -> bool:
        async with asyncio.timeout(COME_UP_SECONDS):
            await holder.decided.wait()
        if not holder.told or holder.run is None:
            return False
        error = await self._pool.call(holder.run.log_out, seconds=LOG_OUT_CALL_SECONDS)
        if error:
            log.warning("WhatsApp refused a log-out", klien_id=holder.klien_id)
        return not error

    def _delete(self, store: Path) -> None:
        in_use = any(attempt.store == str(store) for attempt in self._engine.all())
        if in_use:
            self._doomed.add(str(store))
        self._devices.delete(store, in_use=in_use)

    def _clear_up(self, attempt: Attempt) -> None:
        """The run is over. A store that nobody needs goes; a device that was paired while we closed is logged out."""
        self._changed.set()
        store = Path(attempt.store)
        if attempt.store in self._doomed:
            self._doomed.discard(attempt.store)
            self._devices.delete(store)
        elif attempt.pairing and not attempt.adopted:
            has_device = self._devices.has_device(store)
            if has_device is False:
                self._devices.delete(store)
            elif has_device and not self._stopping:
                log.info("a device was paired unseen and is logged out again", klien_id=attempt.klien_id)
                farewell = self._loop.create_task(self.log_out(attempt.klien_id, None, attempt.name))
                self._farewells.add(farewell)
                farewell.add_done_callback(self._farewells.discard)
