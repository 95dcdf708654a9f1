"""How fast a klien sends, so that WhatsApp doesn't take its account for a machine: when the next message may go.

A bucket of `burst` tokens fills at `per_minute`; each message takes one, and goes a random part of the gap that this
leaves after its token is there, or after the message before: no two gaps are alike, and many kliens that begin together
don't stay together. It is more before the first one to somebody new. Quiet hours and the day's cap go by the
klien's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from talkabiz.domain.phones import HOME_REGION

HOME_ZONE = "WIB"
INDONESIA = {"WIB": 7, "WITA": 8, "WIT": 9}
"""Hours ahead of UTC, all year round: known without the machine's list of zones."""


class Why(StrEnum):
    """Why the next message doesn't go now."""

    PACE = "pace"
    NEW_CONTACT = "new_contact"
    QUIET_HOURS = "quiet_hours"
    DAILY_CAP = "daily_cap"


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing is sent from `begin` to `end`, past midnight if that is earlier."""

    begin: time
    end: time


@dataclass(frozen=True, slots=True)
class Pacing:
    """`per_minute` 0: as fast as it goes. `jitter`: the largest part of the gap that is waited at random, 0 to 1.
    `new_contact_seconds`: so long after the message before, at least. `zone`: WIB, WITA, WIT or a name like
    Asia/Jakarta. `daily_cap` None: no cap. `region`: whose phone numbers need no country code.
    """

    per_minute: float = 20
    burst: int = 5
    jitter: float = 0.5
    new_contact_seconds: float = 15
    quiet: Quiet | None = None
    zone: str = HOME_ZONE
    daily_cap: int | None = None
    region: str = HOME_REGION

    @property
    def gap(self) -> timedelta:
        return timedelta(minutes=1 / self.per_minute) if self.per_minute else timedelta()

    def as_dict(self) -> dict[str, Any]:
        quiet = {"from": f"{self.quiet.begin:%H:%M}", "to": f"{self.quiet.end:%H:%M}"} if self.quiet else None
        return {
            "per_minute": self.per_minute,
            "burst": self.burst,
            "jitter": self.jitter,
            "new_contact_seconds": self.new_contact_seconds,
            "quiet": quiet,
            "zone": self.zone,
            "daily_cap": self.daily_cap,
            "region": self.region,
        }


@dataclass(frozen=True, slots=True)
class History:
    """What a klien has sent. `full_at`: when its bucket will be full again. `is_new`: the next one is to somebody new.
    `chance`: a random number from 0 to 1, which stays until the next one has gone.
    """

    full_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    last: datetime | None = None
    sent_today: int = 0
    is_new: bool = False
    chance: float = 0.5


def when(now: datetime, settings: Pacing, history: History) -> tuple[datetime, Why | None]:
    """The earliest moment for the next message, and why it isn't now; None: it is."""
    at, why = _by_bucket(now, settings, history)
    if settings.daily_cap is not None and history.sent_today >= settings.daily_cap:
        at, why = max(at, day_after(now, settings)), Why.DAILY_CAP
    if (end := _end_of_quiet(at, settings)) > at:
        at, why = end, why if why is Why.DAILY_CAP else Why.QUIET_HOURS
    return at, why


def after(now: datetime, settings: Pacing, history: History, chance: float) -> History:
    """As it is when a message has gone. `chance` is for the next."""
    full_at = max(now, history.full_at) + settings.gap
    return replace(history, full_at=full_at, last=now, sent_today=history.sent_today + 1, chance=chance)


def begun(now: datetime, settings: Pacing, lately: int, chance: float) -> History:
    """What is known at the start of the program: so many have gone within `memory` of it."""
    return History(full_at=now + settings.gap * min(lately, settings.burst), chance=chance)


def memory(settings: Pacing) -> timedelta:
    """How long an empty bucket takes to fill."""
    return settings.gap * settings.burst


def day_of(now: datetime, settings: Pacing) -> datetime:
    """When the klien's day began."""
    return _local(now, settings).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def day_after(now: datetime, settings: Pacing) -> datetime:
    """When its next one begins."""
    tomorrow = _local(now, settings).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone_of(settings.zone)).astimezone(UTC)


def zone_of(name: str) -> tzinfo:
    """Raises ValueError, KeyError (ZoneInfoNotFoundError) or OSError for what is no zone that this machine knows."""
    return timezone(timedelta(hours=INDONESIA[name]), name) if name in INDONESIA else ZoneInfo(name)


def _by_bucket(now: datetime, settings: Pacing, history: History) -> tuple[datetime, Why | None]:
    gap = settings.gap
    full_at = min(history.full_at, now + gap * settings.burst)  # later ones: somebody has set the clock back
    token_at, late = full_at - gap * (settings.burst - 1), gap * settings.jitter * history.chance
    waits = {Why.PACE: token_at}
    if history.last:
        last = min(history.last, now)
        waits[Why.PACE] = max(token_at, last) + late
        if history.is_new and settings.per_minute:
            waits[Why.NEW_CONTACT] = last + timedelta(seconds=settings.new_contact_seconds)
    why = max(waits, key=lambda each: waits[each])
    return (waits[why], why) if waits[why] > now else (now, None)


def _end_of_quiet(at: datetime, settings: Pacing) -> datetime:
    """`at`, if that isn't in quiet hours."""
    quiet = settings.quiet
    if quiet is None:
        return at
    local = _local(at, settings)
    clock, is_over_midnight = local.time(), quiet.end <= quiet.begin
    is_late, is_early = clock >= quiet.begin, clock < quiet.end
    if not (is_late or is_early if is_over_midnight else is_late and is_early):
        return at
    days = timedelta(days=1) if is_over_midnight and is_late else timedelta()
    return datetime.combine(local.date() + days, quiet.end, local.tzinfo).astimezone(UTC)


def _local(moment: datetime, settings: Pacing) -> datetime:
    return moment.astimezone(zone_of(settings.zone))
