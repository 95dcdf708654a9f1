"""Events: which last, and what of them may be kept."""

from __future__ import annotations

import copy

import pytest

from talkabiz.domain.events import Event, stored
from tests.domain.examples import BEGAN

SECRET = "https://wa.me/settings/linked_devices#2@secret"


def test_an_event_lasts_if_the_journal_has_a_place_for_it() -> None:
    assert Event(7, 1, 812, "connected", BEGAN, {}).is_durable
    assert not Event(None, 1, 812, "qr_ready", BEGAN, {}).is_durable


def test_what_links_a_device_is_pushed_but_never_kept() -> None:
    pushed = {
        "status": "qr_ready",
        "qr": {"code": SECRET, "svg": "<svg/>", "n": 1},
        "pairing": {"round": 1, "rounds": 3, "closes_at": "…", "code": "ABCD-EFGH", "code_expires_at": "…"},
    }
    before = copy.deepcopy(pushed)

    kept = stored(pushed)

    assert kept == {
        "status": "qr_ready",
        "qr": None,
        "pairing": {"round": 1, "rounds": 3, "closes_at": "…", "code": None, "code_expires_at": None},
    }
    assert pushed == before


@pytest.mark.parametrize(
    "data", [{}, {"status": "connected", "qr": None, "pairing": None}, {"id": "…", "text": "a message"}]
)
def test_what_holds_no_secret_is_kept_as_it_is(data: dict[str, object]) -> None:
    assert stored(data) == data
