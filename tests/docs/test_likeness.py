"""What the pages show is compared by rules that can be broken."""

from __future__ import annotations

import json

import pytest

from tests.docs.likeness import differences

TIME, ANOTHER_TIME = "2026-11-24T03:04:05.123Z", "2027-01-02T03:04:05.678Z"


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ({"a": 1}, {"a": 1}),
        ({"a": "…"}, {"a": [1]}),
        ({"a": 1, "…": "…"}, {"a": 1, "b": 2}),
        ({"token": "tkb_…"}, {"token": "tkb_x"}),
        ({"at": TIME}, {"at": ANOTHER_TIME}),
        ({"expires": 58}, {"expires": 3}),
        ([{"a": None}], [{"a": None}]),
    ],
)
def test_what_fits(shown: object, came: object) -> None:
    assert differences(json.dumps(shown), "json", json.dumps(came)) == []


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1, "…": "…"}, {"b": 2}),
        ({"token": "tkb_…"}, {"token": "tkl_x"}),
        ({"at": TIME}, {"at": "yesterday"}),
        ({"at": TIME}, {"at": None}),
        ({"expires": 58}, {"expires": None}),
        ([1], [1, 2]),
    ],
)
def test_what_does_not(shown: object, came: object) -> None:
    assert len(differences(json.dumps(shown), "json", json.dumps(came))) == 1


def test_text_is_compared_line_by_line() -> None:
    assert differences("200\n4… two\n", "text", "200\n404 two\n") == []
    assert differences("200\n", "text", "200\n404\n")
