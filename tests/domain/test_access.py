"""Who may see and do what."""

from __future__ import annotations

import pytest

from talkabiz.domain.access import Kind, Principal, Scope


@pytest.mark.parametrize("kind", [Kind.ADMIN, Kind.OPERATOR])
def test_the_operator_sees_every_klien_and_may_do_everything(kind: Kind) -> None:
    somebody = Principal(kind, 1, scopes=frozenset())

    assert somebody.sees_all
    assert somebody.may_see(1)
    assert somebody.may_see(2)
    assert all(somebody.may(scope) for scope in Scope)


@pytest.mark.parametrize("kind", [Kind.KLIEN, Kind.LINK])
def test_a_klien_sees_itself_alone(kind: Kind) -> None:
    somebody = Principal(kind, 1, klien_id=7)

    assert not somebody.sees_all
    assert somebody.may_see(7)
    assert not somebody.may_see(8)
    assert not somebody.may_see(0)


def test_a_klien_without_an_id_sees_nobody() -> None:
    assert not Principal(Kind.KLIEN, 1).may_see(0)


def test_a_kliens_key_may_do_what_its_scopes_say() -> None:
    reader = Principal(Kind.KLIEN, 1, klien_id=7, scopes=frozenset({Scope.READ}))

    assert [scope for scope in Scope if reader.may(scope)] == [Scope.READ]
    assert all(Principal(Kind.KLIEN, 1, klien_id=7).may(scope) for scope in Scope)


def test_kinds_and_scopes_are_the_words_of_the_interface() -> None:
    assert [str(scope) for scope in Scope] == ["session", "message", "webhook", "read"]
    assert [str(kind) for kind in Kind] == ["admin", "operator", "klien", "link", "gateway"]
