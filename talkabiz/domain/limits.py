"""The durations and counts that the rules use, all in one place, as values that bootstrap hands down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds. The first three are settings; the others are facts of the protocol or promises to people."""

    qr_request_seconds: float = 10
    """From entering the library to the first code; past it we say that WhatsApp didn't answer."""
    pairing_seconds: float = 120
    """How long one round shows codes. The library's own attempt lives 160 s."""
    auto_refresh_rounds: int = 3
    """Rounds that begin by themselves while somebody watches, counting the first."""
    link_loss_seconds: float = 3
    """A link that is back sooner was a blink: nobody is told."""
    route_seconds: float = 10
    """Reconnecting for longer than this is told as `unreachable`."""
    reconnect_seconds: float = 300
    """Reconnecting for longer than this, the library may have given up: after a failed restart of the stream (515)
    it only writes a log line. So its run is replaced."""
    scan_stall_seconds: float = 60
    """From the scan to the login; WhatsApp needs 1 to 5."""
    keepalive_seconds: float = 180
    """whatsmeow gives a silent link up after three minutes, without an event."""
    replaced_retry_seconds: float = 30
    """How long we wait before we take a replaced session back, once."""
    replaced_window_seconds: float = 600
    """A second `replaced` within this time means that somebody else wants the session: by hand then."""
    refused_tries: int = 5
    """Tries after refusals that have no name of their own."""
    retry_shortest_seconds: float = 1
    """The back-off of tries of ours begins here."""
    retry_longest_seconds: float = 300
    """And ends here."""
