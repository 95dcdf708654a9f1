"""Which reasons each status may have and where the program tries by itself: the public interface's table, as data."""

from __future__ import annotations

from collections.abc import Mapping

from talkabiz.domain.states import Reason, Status

Told = tuple[Status, Reason | None]

_PAIRING = frozenset({None, Reason.QUEUED, Reason.UPDATE_WHATSAPP})

REASONS: Mapping[Status, frozenset[Reason | None]] = {
    Status.DISCONNECTED: frozenset(
        {None, Reason.BY_USER, Reason.STOPPED, Reason.LOGGED_OUT, Reason.ACCOUNT_LOCKED, Reason.ACCOUNT_BANNED}
    ),
    Status.QR_REQUESTED: _PAIRING,
    Status.QR_READY: _PAIRING,
    Status.SCANNING: _PAIRING,
    Status.CONNECTED: frozenset({None, Reason.DEGRADED, Reason.REACHOUT_LIMITED, Reason.EXTERNAL}),
    Status.RECONNECTING: frozenset(
        {
            Reason.RESTORING,
            Reason.LINK_LOST,
            Reason.KEEPALIVE_TIMEOUT,
            Reason.STREAM_ERROR,
            Reason.UNREACHABLE,
            Reason.ENGINE,
        }
    ),
    Status.EXPIRED: frozenset({Reason.QR_TIMEOUT}),
    Status.ERROR: frozenset(
        {
            Reason.QR_REQUEST_TIMEOUT,
            Reason.UNREACHABLE,
            Reason.PAIR_FAILED,
            Reason.PAIR_STALLED,
            Reason.PASSKEY_REQUIRED,
            Reason.ALREADY_LINKED,
            Reason.CLIENT_OUTDATED,
            Reason.REPLACED,
            Reason.TEMPORARY_BAN,
            Reason.CONNECT_REFUSED,
            Reason.ENGINE,
        }
    ),
}

NOT_HERE: frozenset[Told] = frozenset(
    {
        (Status.QR_REQUESTED, Reason.UPDATE_WHATSAPP),  # nothing to scan yet
        (Status.QR_READY, Reason.QUEUED),  # its turn has come
        (Status.SCANNING, Reason.QUEUED),  # a restart in the middle of a scan isn't worth a word
        (Status.SCANNING, Reason.UPDATE_WHATSAPP),  # that phone couldn't scan
    }
)
"""The interface has one list of reasons for the three statuses of pairing; these pairs of it make no sense."""

MAY_RETRY: frozenset[Told] = frozenset(
    {(Status.RECONNECTING, reason) for reason in REASONS[Status.RECONNECTING]}
    | {
        (Status.ERROR, reason)
        for reason in (Reason.REPLACED, Reason.TEMPORARY_BAN, Reason.CONNECT_REFUSED, Reason.ENGINE)
    }
)
"""Where `retry_at` may be set."""

REACHABLE: frozenset[Told] = (
    frozenset((status, reason) for status, reasons in REASONS.items() for reason in reasons) - NOT_HERE
)
