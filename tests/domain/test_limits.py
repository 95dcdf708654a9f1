"""The promises to people, in seconds."""

from __future__ import annotations

import dataclasses

from talkabiz.domain.limits import Limits


def test_the_limits_are_those_that_the_interface_promises() -> None:
    assert dataclasses.asdict(Limits()) == {
        "qr_request_seconds": 10,
        "pairing_seconds": 120,
        "auto_refresh_rounds": 3,
        "link_loss_seconds": 3,
        "route_seconds": 10,
        "reconnect_seconds": 300,
        "scan_stall_seconds": 60,
        "keepalive_seconds": 180,
        "replaced_retry_seconds": 30,
        "replaced_window_seconds": 600,
        "refused_tries": 5,
        "retry_shortest_seconds": 1,
        "retry_longest_seconds": 300,
    }
