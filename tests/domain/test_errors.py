"""What can be wrong with a wish: each error has a code of its own and says what is the case in both languages."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

import pytest

from talkabiz.domain import errors
from talkabiz.domain.errors import InvalidInput, InvalidJson, NoQr, NotFound, Sentence, TalkabizError, TooManyStarts


def _tree(kind: type[TalkabizError]) -> Iterator[type[TalkabizError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


KINDS = [kind for kind in _tree(TalkabizError) if kind.__module__ == errors.__name__]


def test_the_codes_are_those_that_programs_rely_on() -> None:
    assert {kind.code for kind in KINDS} == {
        *("internal", "invalid_json", "unauthorized", "missing_scope", "not_found", "illegal_state", "too_large"),
        *("invalid_input", "too_many_starts", "unreachable", "starting", "qr_request_timeout", "no_qr"),
        *("rate_limited", "pairing_code_timeout", "pairing_code_refused"),
    }
    assert len({kind.code for kind in KINDS}) == len(KINDS)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"── (\w+) +(\w+) +(?:\(([\w.]+)\))?", errors.__doc__ or "")

    assert {name for name, _, room in drawn if not room} == {kind.__name__ for kind in KINDS} - {"TalkabizError"}
    for name, code, room in drawn:
        kind = getattr(importlib.import_module(room or errors.__name__), name)
        assert issubclass(kind, TalkabizError)
        assert kind.code == code


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_an_error_speaks_both_languages_without_being_asked(kind: type[TalkabizError]) -> None:
    error = kind()

    assert error.message == kind.sentence
    assert error.message.id.endswith(".")
    assert error.message.en.endswith(".")
    assert error.message.id != error.message.en
    assert str(error) == error.message.en
    assert (error.fields, error.retry_after) == ({}, None)


def test_an_error_says_what_exactly_is_wrong_where_that_is_known() -> None:
    wrong = Sentence("nama wajib.", "nama is required.")
    error = InvalidInput(wrong, fields={"nama": "is required"}, retry_after=30)

    assert (error.message, str(error)) == (wrong, "nama is required.")
    assert (error.fields, error.retry_after) == ({"nama": "is required"}, 30)
    assert InvalidInput().message == InvalidInput.sentence


def test_who_handles_the_general_error_handles_the_special_one() -> None:
    assert issubclass(InvalidJson, InvalidInput)
    assert issubclass(NoQr, NotFound)


def test_too_many_starts_is_told_in_the_words_of_the_older_design() -> None:
    assert "Terlalu banyak request" in TooManyStarts.sentence.id


def test_a_sentence_is_answered_by_language() -> None:
    assert Sentence("ya", "yes").as_dict() == {"id": "ya", "en": "yes"}
