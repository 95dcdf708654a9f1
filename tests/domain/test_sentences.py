"""What a person is told: about everything that can be, in both languages, whatever strangers call themselves."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.errors import Sentence
from talkabiz.domain.inputs import OtherNetwork
from talkabiz.domain.sentences import ELSEWHERE, SENTENCES, STOPPED_UNLINKED, sentence
from talkabiz.domain.states import Reason, Session, Status
from tests.domain.contract import REACHABLE
from tests.domain.examples import BEGAN, ME, RUN, SESSIONS, at, live_through

EVERY_SENTENCE = [*SENTENCES.values(), *ELSEWHERE.values(), STOPPED_UNLINKED]


def connected_as(name: str, phone: str = "628123456789") -> Sentence:
    return sentence(replace(SESSIONS["connected"], me=replace(ME, name=name, phone=phone)))


def test_there_is_a_sentence_for_everything_that_can_be_told_and_for_nothing_else() -> None:
    assert set(SENTENCES) == REACHABLE


@pytest.mark.parametrize("told", EVERY_SENTENCE, ids=lambda told: told.en[:30])
def test_a_sentence_is_a_sentence_in_two_languages(told: Sentence) -> None:
    assert told.id != told.en
    for text in (told.id, told.en):
        assert text[0].isupper()
        assert text[-1] in ".…"
        assert text == " ".join(text.split())


@pytest.mark.parametrize("told", EVERY_SENTENCE, ids=lambda told: told.en[:30])
def test_both_languages_have_the_same_one_gap_or_none(told: Sentence) -> None:
    gaps = [re.findall(r"\{(\w*)\}", text) for text in (told.id, told.en)]

    assert gaps[0] == gaps[1]
    assert len(gaps[0]) <= 1
    assert set(gaps[0]) <= {"nama", "jam", "detail"}
    assert told.en.count("{") == told.en.count("}") == len(gaps[0])


@pytest.mark.parametrize(("status", "reason"), sorted(REACHABLE, key=str))
def test_no_session_is_told_with_a_gap(status: Status, reason: Reason | None) -> None:
    told = sentence(Session(BEGAN, status, reason, device="device", me=ME, detail="418", retry_at=at(60)))

    for text in (told.id, told.en):
        assert "{" not in text
        assert "?" not in text


def test_the_account_is_told_by_its_name_or_else_its_number() -> None:
    assert connected_as("Toko Maju") == Sentence("Terhubung sebagai Toko Maju.", "Connected as Toko Maju.")
    assert connected_as("").en == "Connected as 628123456789."
    assert connected_as("\u202e\u200b").en == "Connected as 628123456789."
    assert sentence(replace(SESSIONS["connected"], me=None)).en == "Connected as WhatsApp."


def test_a_ban_is_told_with_its_end() -> None:
    banned = Session(BEGAN, Status.ERROR, Reason.TEMPORARY_BAN, retry_at=at(3600), device="device", me=ME)

    assert "until 2026-11-24 04:04 UTC." in sentence(banned).en
    assert "sampai 2026-11-24 04:04 UTC." in sentence(banned).id
    assert "until ?." in sentence(replace(banned, retry_at=None)).en


def test_a_refusal_is_told_with_its_code() -> None:
    refused = Session(BEGAN, Status.ERROR, Reason.CONNECT_REFUSED, detail="418")

    assert "(code 418)" in sentence(refused).en
    assert "(kode 418)" in sentence(refused).id
    assert "(code ?)" in sentence(replace(refused, detail=None)).en


def test_who_stopped_before_linking_is_not_told_of_a_linked_phone() -> None:
    linked = SESSIONS["stopped"]

    assert "phone stays linked" in sentence(linked).en
    assert sentence(replace(linked, device=None, me=None)) == STOPPED_UNLINKED


def test_a_status_with_a_reason_of_no_sentence_is_told_as_the_status() -> None:
    queued = replace(SESSIONS["scanning"], reason=Reason.QUEUED)

    assert sentence(queued) == SENTENCES[Status.SCANNING, None]


@pytest.mark.parametrize(
    "name", ["{detail}", "{nama}", "{", "}", "{}", "{0.__class__}", "%s", "{nama!r:>999}", "\\1", "$nama", "<script>"]
)
def test_a_name_is_not_read_as_anything_but_a_name(name: str) -> None:
    assert connected_as(name) == Sentence(f"Terhubung sebagai {name}.", f"Connected as {name}.")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Toko\u202emoc.live", "Tokomoc.live"),  # would run backwards over the rest of the sentence
        ("\u2067Toko\u2069", "Toko"),
        ("Toko\r\nSet-Cookie: a=b", "Toko Set-Cookie: a=b"),
        ("\x1b[2JToko\x00", "[2JToko"),
        ("x" * 10_000, "x" * 100),
    ],
)
def test_a_hostile_name_stays_one_short_line(name: str, shown: str) -> None:
    assert connected_as(name).en == f"Connected as {shown}."


@given(st.text(max_size=300))
def test_whatever_an_account_calls_itself_the_sentence_can_be_shown(name: str) -> None:
    told = connected_as(name)

    for text, begins in ((told.id, "Terhubung sebagai "), (told.en, "Connected as ")):
        assert text.startswith(begins)
        assert text.endswith(".")
        assert len(text) <= len(begins) + 101
        assert not {unicodedata.category(c) for c in text} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("fact", "words"),
    [(OtherNetwork(RUN, is_real=True), "the real WhatsApp"), (OtherNetwork(RUN, is_real=False), "in a sandbox")],
)
def test_a_device_of_another_whatsapp_is_told_with_where_it_belongs(fact: OtherNetwork, words: str) -> None:
    left = live_through(SESSIONS["reconnecting"], (1, fact))

    assert words in sentence(left).en
    assert left.is_elsewhere
    assert not left.retry_at
