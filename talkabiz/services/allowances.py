"""How much anybody may ask for: pairing attempts, log-ins, numbers, requests. Counted in the database: no restart
forgives any.

All but requests are kept one by one, within a sliding window. Requests are too many for that: they are counted in
memory, by fixed windows of which the last one fades out, and kept every KEEP_SECONDS.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from talkabiz.domain.errors import RateLimited, TalkabizError, TooManyStarts
from talkabiz.domain.quota import Quota, bucket_of
from talkabiz.services.ports import Clock
from talkabiz.store import database, limits
from talkabiz.store.errors import StoreError
from talkabiz.store.limits import WindowRow

KEEP_SECONDS = 2.0
FORGET_SECONDS = 3600.0
EVERY_ADDRESS = 10
"""Log-ins by one name, from all addresses, are allowed as often as from so many: guessing from many doesn't pay, and
keeping somebody out takes many.
"""

CHECKS = Quota(60, 3600.0)
"""Numbers that WhatsApp is asked for on behalf of one klien. No setting: it bans who asks for more."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quotas:
    """None: no limit."""

    starts: Quota | None = None
    logins: Quota | None = None
    requests: Quota | None = None
    checks: Quota | None = CHECKS


class Allowances:
    def __init__(self, clock: Clock, quotas: Quotas) -> None:
        self._clock = clock
        self._quotas = quotas
        self._windows: dict[str, WindowRow] = {}
        self._unkept: set[str] = set()

    # --- one by one ---------------------------------------------------------------------------------------------------

    async def take_start(self, address: str | None) -> None:
        """A pairing attempt from there. Part of the open transaction: undone, it doesn't count.

        Raises:
            TooManyStarts: with `retry_after`.
        """
        await self._take(f"start {bucket_of(address)}", self._quotas.starts, TooManyStarts)

    async def take_login(self, address: str | None, name: str) -> None:
        """A password tried from there, for that name. Raises RateLimited with `retry_after`."""
        quota = self._quotas.logins
        async with database.transaction():
            await self._take(f"login {bucket_of(address)}", quota, RateLimited)
            wide = replace(quota, count=quota.count * EVERY_ADDRESS) if quota else None
            await self._take(f"login as {name}", wide, RateLimited)

    async def take_check(self, klien_id: int) -> None:
        """A number that WhatsApp is asked for. Raises RateLimited with `retry_after`."""
        await self._take(f"check {klien_id}", self._quotas.checks, RateLimited)

    async def _take(self, bucket: str, quota: Quota | None, refusal: type[TalkabizError]) -> None:
        if quota is None:
            return
        now = self._clock.now()
        window = timedelta(seconds=quota.seconds)
        async with database.transaction():
            # What is later than now was counted before somebody set the clock back.
            taken = [at for at in await limits.hits(bucket, now - window) if at <= now]
            if len(taken) >= quota.count:
                free_at = taken[-quota.count] + window
                raise refusal(retry_after=max(1, math.ceil((free_at - now).total_seconds())))
            await limits.add_hit(bucket, now, useless_before=now - window)

    # --- requests -----------------------------------------------------------------------------------------------------

    def take_request(self, credential: str) -> None:
        """Raises RateLimited with `retry_after`."""
        quota = self._quotas.requests
        if quota is None:
            return
        now = self._clock.now().timestamp()
        number, passed = divmod(now, quota.seconds)
        row = _moved_on(self._windows.get(credential) or WindowRow(credential, int(number), 0, 0), int(number))
        fading = row.count_before * (1 - passed / quota.seconds)
        if row.count + fading >= quota.count:
            raise RateLimited(retry_after=math.ceil(_wait_seconds(row, quota, passed)))
        self._windows[credential] = replace(row, count=row.count + 1)
        self._unkept.add(credential)

    # --- beginning and end --------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """With what was counted before; what is counted is kept, as long as this is open."""
        self._windows = {row.bucket: row for row in await limits.load_windows()}
        tasks = [
            asyncio.create_task(self._keep_on(), name="keep request counts"),
            asyncio.create_task(self._forget_on(), name="forget old counts"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(StoreError):
                await self._keep()

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            try:
                await self._keep()
            except StoreError as error:  # tried again: nothing was taken off the list
                log.warning("request_counts_not_kept", why=str(error))

    async def _keep(self) -> None:
        if not self._unkept or self._quotas.requests is None:
            return
        unkept, number = set(self._unkept), int(self._clock.now().timestamp() // self._quotas.requests.seconds)
        await limits.keep_windows([self._windows[bucket] for bucket in unkept], useless_before=number - 1)
        self._unkept -= unkept
        self._windows = {name: row for name, row in self._windows.items() if row.window >= number - 1}

    async def _forget_on(self) -> None:
        kept = (self._quotas.starts, self._quotas.logins, self._quotas.checks)
        longest = max((quota.seconds for quota in kept if quota), default=0.0)
        while True:
            with suppress(StoreError):
                await limits.forget_hits(self._clock.now() - timedelta(seconds=longest))
            await asyncio.sleep(FORGET_SECONDS)


def _moved_on(row: WindowRow, number: int) -> WindowRow:
    """The counts as they stand in the window of that number."""
    if row.window == number:
        return row
    return WindowRow(row.bucket, number, 0, row.count if row.window == number - 1 else 0)


def _wait_seconds(row: WindowRow, quota: Quota, passed: float) -> float:
    """Until one more fits: as soon as enough of the window before has faded or, where this one is full, of this one."""
    if row.count < quota.count:
        fades_at = quota.seconds * (1 - (quota.count - 1 - row.count) / row.count_before) if row.count_before else 0.0
        return max(fades_at - passed, 1.0)
    return max(quota.seconds - passed + quota.seconds / row.count, 1.0)
