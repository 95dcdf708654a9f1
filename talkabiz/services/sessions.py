"""Sessions, as people and programs ask for them: start, refresh, stop, disconnect, look."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from dataclasses import replace

import structlog

from talkabiz.domain import effects as e, inputs as i
from talkabiz.domain.access import Caller
from talkabiz.domain.code_inputs import PairingCodeAsked
from talkabiz.domain.errors import NotFound, Starting
from talkabiz.domain.ids import parse_jid
from talkabiz.domain.phones import parse_phone
from talkabiz.domain.states import Session, Status, Step
from talkabiz.services.allowances import Allowances
from talkabiz.services.audit import Action, Audit
from talkabiz.services.links import Links
from talkabiz.services.runner import Along, Runner, Surroundings, fresh_attempt
from talkabiz.services.snapshot import Snapshot, make_snapshot
from talkabiz.services.waiting import wait_for_code, wait_for_qr
from talkabiz.store import kliens, sessions

log = structlog.get_logger(__name__)


class Sessions:
    """Holds the runners. A klien gets one when it is first asked for; at start, those that have a session."""

    def __init__(self, surroundings: Surroundings, allowances: Allowances, audit: Audit) -> None:
        self._around = surroundings
        self._allowances = allowances
        self._audit = audit
        self._runners: dict[int, Runner] = {}
        self.links = Links(self._runners)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loading = asyncio.Lock()
        self._is_open = True
        surroundings.whatsapp.connect_facts(self._deliver)

    # --- wishes -------------------------------------------------------------------------------------------------------

    # `caller` is who asks, for the audit log and START_LIMIT; None: the program itself.

    async def start(self, klien_id: int, session_id: str | None = None, *, caller: Caller | None = None) -> Snapshot:
        """Link the klien, or bring its stored device back. Answers at once, also if it runs already.

        Raises:
            TooManyStarts: it would be a new pairing attempt, and that address had its share.
        """
        runner = await self._runner(klien_id)
        along = self._noting(Action.SESSION_STARTED, klien_id, caller)
        await runner.ask(i.ConnectAsked(fresh_attempt()), session_id, along)
        return runner.snapshot()

    async def start_and_wait(
        self, klien_id: int, session_id: str | None = None, seconds: float = 10.0, *, caller: Caller | None = None
    ) -> Snapshot:
        """As `start`, but waits until the first QR is there, or whatever else comes of it.

        Returns a snapshot that is still `qr_requested(queued)` or `reconnecting` if the time was over before.

        Raises:
            Unreachable: there is no route to WhatsApp.
            QrRequestTimeout: its turn came, but no QR in time.
            TooManyStarts: as `start`.
        """
        await self.start(klien_id, session_id, caller=caller)
        runner = await self._runner(klien_id)
        await wait_for_qr(runner, seconds)
        return runner.snapshot()

    async def refresh(self, klien_id: int, *, caller: Caller | None = None) -> Snapshot:
        """A new round of codes, on request; nothing if a code is on show. Raises TooManyStarts, as `start`."""
        runner = await self._runner(klien_id)
        along = self._noting(Action.SESSION_REFRESHED, klien_id, caller)
        await runner.ask(i.RefreshAsked(fresh_attempt()), along=along)
        return runner.snapshot()

    async def pairing_code(
        self, klien_id: int, phone: str, seconds: float = 10.0, *, caller: Caller | None = None
    ) -> Snapshot:
        """A code to type into that phone, spelled in any way: `pairing.code`. Starts linking, if nothing runs.

        Waits as `start_and_wait`, and then for the code. A snapshot that is still `qr_requested(queued)` has none yet;
        it comes by itself.

        Raises:
            InvalidInput: it isn't a phone's number.
            TalkabizError: as `start_and_wait`, `refusals.refusal_of` and `refusals.why_no_code`.
        """
        number = parse_phone(phone)
        runner = await self._runner(klien_id)
        along = self._noting(Action.PAIRING_CODE_ASKED, klien_id, caller)
        await runner.ask(PairingCodeAsked(fresh_attempt(), number), along=along)
        await wait_for_qr(runner, seconds)
        await wait_for_code(runner, number)
        return runner.snapshot()

    async def stop(self, klien_id: int, *, caller: Caller | None = None) -> Snapshot:
        """Run no longer; the device is kept."""
        runner = await self._runner(klien_id)
        along = self._noting(Action.SESSION_STOPPED, klien_id, caller)
        await runner.ask(i.StopAsked(fresh_attempt()), along=along)
        return runner.snapshot()

    async def restart(self, klien_id: int, *, caller: Caller | None = None) -> Snapshot:
        """Stop and start again. Raises TooManyStarts, as `start`: then nothing was stopped."""
        runner = await self._runner(klien_id)
        if caller and caller.is_rationed and runner.session.device is None:
            await self._allowances.take_start(caller.address)
            caller = replace(caller, is_rationed=False)
        await self.stop(klien_id, caller=caller)
        return await self.start(klien_id, caller=caller)

    async def disconnect(self, klien_id: int, *, caller: Caller | None = None) -> Snapshot:
        """Log out on WhatsApp and forget the device. Here in any case: `warning` says if the phone still shows it."""
        runner = await self._runner(klien_id)
        along = self._noting(Action.SESSION_DISCONNECTED, klien_id, caller)
        told = await runner.ask(i.DisconnectAsked(fresh_attempt()), along=along)
        return runner.snapshot() if told else {**runner.snapshot(), "warning": "phone_keeps_device"}

    async def tell_outside(
        self, klien_id: int, me: i.Me | None, session_id: str | None = None, *, caller: Caller | None = None
    ) -> Snapshot:
        """A gateway outside has linked this account, or (None) has none linked any more.

        Raises:
            IllegalState: the klien has a device or an attempt of its own here, or the number is another klien's.
        """
        runner = await self._runner(klien_id)
        status = Status.CONNECTED if me else Status.DISCONNECTED
        along = self._noting(Action.SESSION_TOLD, klien_id, caller, status=status.value)
        await runner.ask(i.OutsideReported(fresh_attempt(), me), session_id, along)
        return runner.snapshot()

    async def erase(self, klien_id: int) -> None:
        """Disconnect the klien and delete its rows and files."""
        await self.disconnect(klien_id)
        self._runners.pop(klien_id, None)
        if task := self._tasks.pop(klien_id, None):
            task.cancel()
        self._around.whatsapp.forget_klien(klien_id)
        await kliens.erase(klien_id)

    def _noting(self, action: Action, klien_id: int, caller: Caller | None, **detail: str) -> Along | None:
        """What is stored beside the transition: that it was asked for, and that a pairing attempt counts."""
        if caller is None:
            return None

        async def note(step: Step) -> None:
            if caller.is_rationed and any(isinstance(effect, e.StartPairing) for effect in step.effects):
                await self._allowances.take_start(caller.address)
            await self._audit.note(action, caller, klien_id, **detail)

        return note

    # --- looks --------------------------------------------------------------------------------------------------------

    async def live(self, klien_id: int) -> Snapshot:
        """The snapshot from the running gateway."""
        return (await self._runner(klien_id)).snapshot()

    async def watch(self, klien_id: int) -> Snapshot:
        """As `live`, for somebody who goes on looking: a round that was cut short is followed by the next."""
        runner = await self._runner(klien_id)
        runner.be_watched()
        return runner.snapshot()

    async def stored(self, klien_id: int) -> Snapshot:
        """The snapshot from the database: without a QR, which is never stored."""
        row = await sessions.load(klien_id)
        if row is None:
            raise NotFound
        return self._show(row)

    async def page(self, after: int = 0, limit: int = 100) -> list[Snapshot]:
        """Snapshots of every klien by id, without QR."""
        rows = await sessions.page(after, limit)
        running = {row.klien_id: self._runners[row.klien_id] for row in rows if row.klien_id in self._runners}
        return [
            {**running[row.klien_id].snapshot(), "qr": None} if row.klien_id in running else self._show(row)
            for row in rows
        ]

    async def qr_png(self, klien_id: int) -> bytes | None:
        """The code on show as a PNG; None: there is none."""
        painting = (await self._runner(klien_id)).painting
        return await self._around.painter.png(painting) if painting else None

    def codes_on_show(self) -> dict[int, str]:
        """The text of each QR code that a klien's page shows right now, by klien."""
        running = self._runners.values()
        return {runner.klien_id: runner.painting.text for runner in running if runner.painting}

    def count(self) -> dict[str, int]:
        """How many sessions are in which status."""
        return dict(Counter(runner.session.status.value for runner in self._runners.values()))

    def klien_of_device(self, jid: str) -> int | None:
        """The klien whose session holds this device, by its number."""
        phone = parse_jid(jid).user
        running = self._runners.values()
        return next((runner.klien_id for runner in running if _holds(runner.session, phone)), None)

    # --- beginning and end --------------------------------------------------------------------------------------------

    async def restore(self) -> None:
        """At start: nobody holds a link, whatever the rows say. Then stored devices come back, last active first; also
        those that the last process left alone, for this one may speak with their WhatsApp.
        """
        rows = await sessions.load_all()
        found = {(stored.klien_id, stored.device): stored for stored in self._around.whatsapp.stored_devices()}
        for row in rows:
            found.pop((row.klien_id, row.session.device or ""), None)
            await self._employ(row).ask(i.HolderGone(fresh_attempt()))
        for stored in found.values():
            await self._take_in(stored.klien_id, i.DeviceFound(fresh_attempt(), stored.device, stored.me))
        waiting = [r for r in self._runners.values() if _may_come_back(r.session)]
        for runner in waiting:
            runner.tell(i.RetryDue(fresh_attempt()))
        log.info("sessions_restoring", count=len(waiting))

    async def release(self) -> None:
        """At the end: tell that nobody holds a link any more, then end the tasks. New wishes are turned away."""
        self._is_open = False
        released = await asyncio.gather(
            *(runner.ask(i.HolderGone(fresh_attempt())) for runner in self._runners.values()), return_exceptions=True
        )
        for failure in filter(lambda result: isinstance(result, BaseException), released):
            log.error("session_not_released", error=str(failure))
        tasks = list(self._tasks.values())
        self._runners.clear()
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- runners ------------------------------------------------------------------------------------------------------

    def _deliver(self, klien_id: int, fact: i.Fact) -> None:
        if runner := self._runners.get(klien_id):
            runner.tell(fact)
        else:
            log.warning("fact_without_session", klien_id=klien_id, fact=type(fact).__name__)

    async def _take_in(self, klien_id: int, found: i.DeviceFound) -> None:
        """A device on disk that the row doesn't know: the process died between the scan and the commit."""
        try:
            runner = await self._runner(klien_id)
        except NotFound:
            self._around.whatsapp.forget_klien(klien_id)
        else:
            runner.tell(found)
            await runner.ask(i.HolderGone(fresh_attempt()))

    async def _runner(self, klien_id: int) -> Runner:
        if not self._is_open:
            raise Starting
        if runner := self._runners.get(klien_id):
            return runner
        async with self._loading:
            if runner := self._runners.get(klien_id):
                return runner
            row = await sessions.load(klien_id)
            if row is None:
                raise NotFound
            return self._employ(row)

    def _employ(self, row: sessions.StoredSession) -> Runner:
        runner = Runner(row, self._around)
        self._runners[row.klien_id] = runner
        name = f"session of klien {row.klien_id}"
        # In a context of its own: it outlives the request that first asked, whose id its log lines must not bear.
        task = asyncio.get_running_loop().create_task(runner.run(), name=name, context=contextvars.Context())
        self._tasks[row.klien_id] = task
        return runner

    def _show(self, row: sessions.StoredSession) -> Snapshot:
        return make_snapshot(
            row.klien_id,
            row.session,
            session_id=row.session_id,
            seq=row.seq,
            limits=self._around.limits,
            now=self._around.clock.now(),
        )


def _holds(session: Session, phone: str) -> bool:
    return session.device is not None and session.me is not None and session.me.phone == phone


def _may_come_back(session: Session) -> bool:
    return session.status is Status.RECONNECTING or session.is_elsewhere
