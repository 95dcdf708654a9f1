from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from talkabiz.domain.answers import CallFailed, Sent
from talkabiz.domain.composing import content_of, quote_of
from talkabiz.domain.content import (
    Contact,
    Content,
    Edit,
    Kind,
    Location,
    Media,
    Poll,
    Quote,
    Reaction,
    Ref,
    Revoke,
    Stored,
    Text,
)
from talkabiz.domain.holds import by_pause, by_session
from talkabiz.domain.message import Direction, MediaState, Message, Origin, Party, Status, may_become
from talkabiz.domain.message_errors import SENTENCES
from talkabiz.domain.outcomes import Outcome, of_send, of_step, reached, sent
from talkabiz.domain.states import Reason, Session, Status as State

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ANI = Party(1, "628111111111@s.whatsapp.net", "628111111111")
BUDI = Party(2, "628222222222@s.whatsapp.net", "628222222222")
GROUP = Party(3, "120363012345678901@g.us")
SHOP = Party(0, "6281200000001@s.whatsapp.net", "6281200000001")
STORED = Stored("https://x", "/x", b"key", b"enc", b"sum", 9)
FILE = MediaState(4, "application/pdf", "stored", 9, "aa", "nota.pdf", 3)


def message(kind: Kind = Kind.TEXT, text: str | None = "halo", chat: Party = ANI, **more: Any) -> Message:
    values: dict[str, Any] = {"content": {}, "status": Status.QUEUED, **more}
    return Message(
        id=9,
        klien_id=1,
        chat=chat,
        sender=SHOP,
        account=SHOP,
        direction=Direction.OUT,
        source=Origin.API,
        kind=kind,
        text=text,
        status_at=NOW,
        created_at=NOW,
        **values,
    )


def theirs(chat: Party = ANI, sender: Party = ANI, text: str = "hai") -> Message:
    return replace(message(text=text, chat=chat), sender=sender, direction=Direction.IN, status=Status.RECEIVED)


# --- what came of a send ---


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("unanswered", Outcome(Status.UNCERTAIN, "unanswered")),
        ("not_connected", Outcome(Status.QUEUED)),
        ("not_begun", Outcome(Status.QUEUED)),
        ("not_logged_in", Outcome(Status.QUEUED)),
        ("timed_out", Outcome(Status.QUEUED, "internal")),
        ("error_463", Outcome(Status.FAILED, "new_contact_limited")),
        ("error_479", Outcome(Status.FAILED, "error_479")),
        ("refused_404", Outcome(Status.FAILED, "refused_404")),
        ("no_lid", Outcome(Status.FAILED, "not_on_whatsapp")),
        ("not_in_group", Outcome(Status.FAILED, "not_in_group")),
        ("group_not_found", Outcome(Status.FAILED, "group_not_found")),
        ("library_failed", Outcome(Status.FAILED, "internal")),
    ],
)
def test_each_failure_of_a_send_has_its_outcome(code: str, outcome: Outcome) -> None:
    assert of_send(CallFailed(code)) == outcome
    assert outcome.error is None or outcome.error in SENTENCES or outcome.error.startswith(("error_", "refused_"))
    assert may_become(Status.SENDING, outcome.status)


def test_only_a_refusal_of_strangers_is_one() -> None:
    assert of_send(CallFailed("error_463")).is_limited
    assert not of_send(CallFailed("error_464")).is_limited


@pytest.mark.parametrize("code", ["unanswered", "timed_out", "media_unreachable", "not_connected"])
def test_what_fails_before_the_sending_is_tried_again(code: str) -> None:
    assert of_step(CallFailed(code)).status is Status.QUEUED


def test_an_answer_is_sent() -> None:
    assert sent(Sent("3EB0", NOW)) == Outcome(Status.SENT, wa_id="3EB0", at=NOW)


@pytest.mark.parametrize(
    ("sums", "status"),
    [
        ({}, None),
        ({"delivered": 0, "read": 0, "played": 0}, None),
        ({"delivered": 1, "read": 0, "played": 0, "of": 5}, Status.DELIVERED),
        ({"delivered": 3, "read": 1, "played": 0}, Status.READ),
        ({"delivered": 1, "read": 1, "played": 1}, Status.PLAYED),
    ],
)
def test_a_message_is_as_far_as_it_has_come_with_anybody(sums: dict[str, int], status: Status | None) -> None:
    assert reached(sums) is status


# --- what is sent ---


@pytest.mark.parametrize(
    ("kind", "text", "more", "content"),
    [
        (Kind.TEXT, "halo", {}, Text("halo")),
        (
            Kind.LOCATION,
            None,
            {"latitude": -6.2, "longitude": 106.8, "name": "Monas", "address": ""},
            Location(-6.2, 106.8, "Monas"),
        ),
        (Kind.CONTACT, None, {"name": "Ani", "vcard": "BEGIN:VCARD"}, Contact("Ani", "BEGIN:VCARD")),
        (Kind.POLL, "Jam?", {"options": ["9", "10"], "choices": 0}, Poll("Jam?", ("9", "10"), 0)),
        (Kind.EDIT, "baru", {"wa_id": "A1", "message_id": 2}, Edit(Ref("A1"), "baru")),
        (Kind.REVOKE, None, {"wa_id": "A1", "message_id": None}, Revoke(Ref("A1"))),
        (Kind.REACTION, "👍", {"wa_id": "A1", "message_id": None}, Reaction(Ref("A1", ANI.jid), "👍")),
    ],
)
def test_a_row_is_sent_as_what_it_says(kind: Kind, text: str | None, more: dict[str, Any], content: Content) -> None:
    assert content_of(message(kind, text, content=more)) == content


def test_a_reaction_names_the_author_as_far_as_he_is_known() -> None:
    def reaction(chat: Party, target: Message) -> Content:
        row = message(Kind.REACTION, "👍", chat, content={"wa_id": "A1", "message_id": 3})
        return content_of(row, target=target)

    assert reaction(GROUP, theirs(GROUP, BUDI)) == Reaction(Ref("A1", BUDI.jid), "👍")
    assert reaction(GROUP, message(chat=GROUP)) == Reaction(Ref("A1"), "👍")


def test_a_medium_is_sent_from_where_it_was_uploaded_to() -> None:
    row = message(Kind.DOCUMENT, "lihat", media=FILE)
    assert content_of(row, stored=STORED) == Media(
        Kind.DOCUMENT, STORED, "application/pdf", caption="lihat", filename="nota.pdf", seconds=3
    )
    with pytest.raises(ValueError, match="uploaded"):
        content_of(row)


def test_what_is_answered_is_quoted() -> None:
    row = message(reply_to="A1")
    assert quote_of(row, theirs()) == Quote("A1", ANI.jid, "hai")
    assert quote_of(row, message(text="kami")) == Quote("A1", SHOP.jid, "kami")
    assert quote_of(row, None) == Quote("A1", ANI.jid)
    assert quote_of(replace(row, chat=GROUP), None) is None
    assert quote_of(message(), None) is None


# --- what holds a queue up ---


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (None, "restoring"),
        (Session(NOW, State.CONNECTED, device="d"), "restoring"),
        (Session(NOW, State.CONNECTED, device="d", attempt="a", lost_since=NOW), "link_lost"),
        (Session(NOW, State.RECONNECTING, Reason.UNREACHABLE, device="d", retry_at=NOW), "unreachable"),
        (Session(NOW, State.DISCONNECTED, Reason.STOPPED, device="d"), "stopped"),
        (Session(NOW, State.ERROR, Reason.TEMPORARY_BAN, device="d", retry_at=NOW), "temporary_ban"),
    ],
)
def test_a_session_that_is_not_connected_holds_its_queue(session: Session | None, reason: str) -> None:
    hold = by_session(session)
    assert hold
    shown = hold.as_dict()
    assert shown["reason"] == reason
    assert shown["message"]["id"]
    assert shown["until"] == ("2026-11-24T03:00:00.000Z" if session and session.retry_at else None)


def test_a_session_that_is_connected_holds_nothing() -> None:
    degraded = Session(NOW, State.CONNECTED, Reason.DEGRADED, device="d", attempt="a")
    assert by_session(degraded) is None


def test_a_pause_ends_by_itself() -> None:
    hold = by_pause(NOW, "new_contact_limited", NOW.replace(hour=2))
    assert hold
    assert hold.until == NOW
    assert by_pause(NOW, "new_contact_limited", NOW) is None
    assert by_pause(None, None, NOW) is None
