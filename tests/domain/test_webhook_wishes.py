"""What may be asked of an endpoint."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.webhook_wishes import EVENTS, LONGEST_LABEL, LONGEST_URL, parse_events, parse_label, parse_url
from talkabiz.domain.webhooks import Type


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/hook?a=b",
        "http://127.0.0.1:9000/hook",
        "https://[::1]/hook",
        f"https://example.com/{'x' * (LONGEST_URL - 20)}",
    ],
)
def test_addresses_of_the_web_have_the_right_shape(url: str) -> None:
    assert parse_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///hook",
        "https://[::1/hook",
        "https://example.com/a b",
        "https://example.com/\n",
        "https://example.com/\u202e",
        f"https://example.com/{'x' * (LONGEST_URL - 19)}",
    ],
)
def test_other_addresses_are_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_url(url)
    assert refused.value.fields.keys() == {"url"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (None, ""),
        ("", ""),
        ("  CRM \n toko ", "CRM toko"),
        ("a\u202eb", "ab"),
        ("x" * LONGEST_LABEL, "x" * LONGEST_LABEL),
    ],
)
def test_a_label_is_one_line(text: str | None, label: str) -> None:
    assert parse_label(text) == label


def test_a_label_that_is_too_long_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_label("x" * (LONGEST_LABEL + 1))
    assert refused.value.fields.keys() == {"label"}


@given(st.lists(st.sampled_from(EVENTS), min_size=1))
def test_events_are_chosen_once_each_and_in_one_order(chosen: list[Type]) -> None:
    parsed = parse_events([each.value for each in chosen])
    assert parsed == tuple(each for each in EVENTS if each in chosen)


def test_no_choice_is_all_of_them() -> None:
    assert parse_events(None) is None


@pytest.mark.parametrize("names", [[], ["message"], ["message.received", "*"], ["connection.update"]])
def test_events_that_there_are_not_are_refused_by_name(names: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_events(names)
    assert refused.value.fields.keys() == {"events"}
