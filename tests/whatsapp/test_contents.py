"""Contents to bytes and back, and what the library's events say."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.content import (
    MEDIA,
    Contact,
    Content,
    Edit,
    Kind,
    Location,
    Media,
    Poll,
    Preview,
    Quote,
    Reaction,
    Ref,
    Revoke,
    Stored,
    Text,
    Unknown,
)
from talkabiz.domain.heard import BacklogHeard, GroupHeard, PresenceHeard, ReceiptHeard, ReceiptType, TypingHeard
from talkabiz.whatsapp.contents import content_in, forwards_of, mentions_in, reply_to
from talkabiz.whatsapp.incoming import heard_of
from talkabiz.whatsapp.outgoing import message_of
from talkabiz.whatsapp.wire import e2e, jid, library

ANI = "628111111111@s.whatsapp.net"
BUDI = "628222222222@s.whatsapp.net"
GROUP = "120363000000000001@g.us"
STORED = Stored("https://mmg.whatsapp.net/a", "/a", b"k" * 32, b"e" * 32, b"h" * 32, 1234)

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts)
def test_any_text_comes_back(text: str) -> None:
    assert content_in(message_of(Text(text), ANI)) == Text(text)


@given(texts.filter(bool))
def test_an_answer_comes_back_with_what_it_answers(text: str) -> None:
    raw = message_of(Text(text), ANI, Quote("3EB0", BUDI, "tanya"), (BUDI,))
    assert content_in(raw) == Text(text)
    message = e2e().Message.FromString(raw)
    assert reply_to(message) == "3EB0"
    assert mentions_in(message) == (BUDI,)


@pytest.mark.parametrize(
    "content",
    [
        *(Media(kind, STORED, "x/y") for kind in sorted(MEDIA)),
        Media(Kind.IMAGE, STORED, "image/png", caption="lihat"),
        Media(Kind.DOCUMENT, STORED, "application/pdf", caption="baca", filename="a.pdf"),
        Media(Kind.VOICE, STORED, "audio/ogg; codecs=opus", seconds=7),
        Text("lihat https://a.example", Preview("https://a.example", "Promo", "Murah", b"jpeg")),
        Text("lihat https://a.example", Preview("https://a.example", "Promo")),
        Location(-6.2, 106.8, "Kantor", "Jakarta"),
        Contact("Ani", "BEGIN:VCARD\nFN:Ani\nEND:VCARD"),
        Poll("Kapan?", ("Senin", "Selasa"), 1),
        Reaction(Ref("3EB0"), "👍"),
        Reaction(Ref("3EB0"), ""),
        Edit(Ref("3EB0"), "baru"),
        Revoke(Ref("3EB0")),
    ],
)
def test_every_kind_comes_back(content: Content) -> None:
    assert content_in(message_of(content, ANI)) == content


def test_somebody_elses_message_is_pointed_at_by_chat_or_by_participant() -> None:
    assert content_in(message_of(Reaction(Ref("1", ANI), "👍"), ANI)) == Reaction(Ref("1", ANI), "👍")
    assert content_in(message_of(Reaction(Ref("1", BUDI), "👍"), GROUP)) == Reaction(Ref("1", BUDI), "👍")


def test_a_medium_can_be_an_answer_too() -> None:
    raw = message_of(Media(Kind.IMAGE, STORED, "image/png"), ANI, Quote("3EB0", BUDI))
    assert reply_to(e2e().Message.FromString(raw)) == "3EB0"


@pytest.mark.parametrize(
    "content",
    [
        Text("halo"),
        Location(-6.2, 106.8),
        Contact("Ani", "BEGIN:VCARD"),
        *(Media(kind, STORED, "x/y") for kind in sorted(MEDIA)),
    ],
)
def test_what_is_sent_on_is_marked_and_otherwise_the_same(content: Content) -> None:
    raw = message_of(content, ANI, forwards=3)
    assert content_in(raw) == content
    assert forwards_of(e2e().Message.FromString(raw)) == 3
    assert forwards_of(e2e().Message.FromString(message_of(content, ANI))) == 0


def test_an_answer_and_a_preview_stand_side_by_side() -> None:
    content = Text("lihat https://a.example", Preview("https://a.example", "Promo"))
    raw = message_of(content, ANI, Quote("3EB0", BUDI))
    assert content_in(raw) == content
    assert reply_to(e2e().Message.FromString(raw)) == "3EB0"


@pytest.mark.parametrize(("marked", "score", "forwards"), [(True, 0, 1), (True, 7, 7), (False, 7, 0)])
def test_a_mark_counts_and_a_number_without_it_doesnt(*, marked: bool, score: int, forwards: int) -> None:
    message = e2e().Message()
    message.extendedTextMessage.text = "halo"
    message.extendedTextMessage.contextInfo.isForwarded = marked
    message.extendedTextMessage.contextInfo.forwardingScore = score
    assert forwards_of(message) == forwards


@pytest.mark.parametrize("to", ["", "628111111111", "a@s.whatsapp.net", "628:1@s.whatsapp.net", "../../etc/passwd"])
def test_what_is_no_address_is_refused(to: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        message_of(Text("halo"), to)


def test_what_cannot_be_read_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="can't be sent"):
        message_of(Unknown("liveLocationMessage"), ANI)


def test_what_this_version_does_not_know_has_its_name() -> None:
    message = e2e().Message()
    message.liveLocationMessage.degreesLatitude = 1
    assert content_in(message.SerializeToString()) == Unknown("liveLocationMessage")
    assert content_in(b"") == Unknown("")


# ── events ──


def _info(**more: Any) -> Any:
    nobody = library().JID(User="", Server="", RawAgent=0, Device=0, Integrator=0)
    source = library().MessageSource(
        Chat=jid(ANI), Sender=jid(ANI), IsFromMe=False, IsGroup=False, SenderAlt=jid("111@lid"), RecipientAlt=nobody,
        BroadcastListOwner=nobody,
    )  # fmt: skip
    values = {"ID": "3EB0", "ServerID": 0, "Type": "text", "Pushname": "Ani", "Timestamp": 1_700_000_000_500}
    info = library().MessageInfo(MessageSource=source, Category="", Multicast=False, MediaType="", Edit="", **values)
    for name, value in more.items():
        setattr(info, name, value)
    return info


def test_a_message_says_who_where_and_when() -> None:
    event = library().Message(
        Info=_info(Pushname="A\u0000ni\n" + "x" * 200), Message=e2e().Message(conversation="halo"), IsEphemeral=False,
        IsViewOnce=False, IsViewOnceV2=False, IsViewOnceV2Extension=False, IsDocumentWithCaption=False,
        IsLottieSticker=False, IsEdit=False, UnavailableRequestID="", RetryCount=0,
    )  # fmt: skip
    heard = heard_of(17, event.SerializeToString())
    source = heard.source  # type: ignore[union-attr]
    assert (source.id, source.chat, source.chat_alt, source.sender) == ("3EB0", ANI, "111@lid", ANI)
    assert source.at == datetime(2023, 11, 14, 22, 13, 20, 500000, UTC)
    assert source.push_name == "Ani" + "x" * 97
    assert heard.content == Text("halo")  # type: ignore[union-attr]
    assert content_in(heard.raw) == Text("halo")  # type: ignore[union-attr]


def test_keys_alone_and_what_the_phone_tells_its_devices_are_no_messages() -> None:
    keys = e2e().Message()
    keys.senderKeyDistributionMessage.groupID = GROUP
    keys.messageContextInfo.messageSecret = b"x" * 32
    for info, message in ((_info(), keys), (_info(Category="peer"), e2e().Message(conversation="x"))):
        event = library().Message(
            Info=info, Message=message, IsEphemeral=False, IsViewOnce=False, IsViewOnceV2=False,
            IsViewOnceV2Extension=False, IsDocumentWithCaption=False, IsLottieSticker=False, IsEdit=False,
            UnavailableRequestID="", RetryCount=0,
        )  # fmt: skip
        assert heard_of(17, event.SerializeToString()) is None


def test_receipts_have_their_type_also_the_one_that_the_library_has_wrong() -> None:
    source = _info().MessageSource
    types = {}
    for number in range(1, 12):
        event = library().Receipt(MessageSource=source, MessageIDs=["a", "b"], Timestamp=1_700_000_000, Type=number)
        heard = heard_of(18, event.SerializeToString())
        assert isinstance(heard, ReceiptHeard)
        assert heard.ids == ("a", "b")
        types[number] = heard.type
    assert types[1] is ReceiptType.DELIVERED
    assert types[4] is ReceiptType.READ
    assert types[8] is ReceiptType.PLAYED_SELF
    assert types[11] is ReceiptType.OTHER


@pytest.mark.parametrize(("state", "media", "told"), [(1, 1, "composing"), (1, 2, "recording"), (2, 1, "paused")])
def test_typing_and_recording_are_told_apart(state: int, media: int, told: str) -> None:
    event = library().ChatPresence(MessageSource=_info().MessageSource, State=state, Media=media)
    assert heard_of(19, event.SerializeToString()) == TypingHeard(ANI, ANI, "111@lid", told)


def test_presence_backlog_and_groups() -> None:
    event = library().Presence(From=jid(ANI), Unavailable=True, LastSeen=-62135596800)
    assert heard_of(20, event.SerializeToString()) == PresenceHeard(ANI, online=False, last_seen=None)
    preview = library().OfflineSyncPreview(Total=3, AppDataChanges=0, Message=2, Notifications=0, Receipts=1)
    assert heard_of(26, preview.SerializeToString()) == BacklogHeard(3, is_over=False)
    assert heard_of(27, library().OfflineSyncCompleted(Count=3).SerializeToString()) == BacklogHeard(3, is_over=True)
    group = library().GroupInfoEvent(
        JID=jid(GROUP), Notify="", Timestamp=1, PrevParticipantsVersionID="", ParticipantVersionID="", JoinReason="",
        Join=[jid(ANI)], Leave=[jid(BUDI)],
    )  # fmt: skip
    assert heard_of(22, group.SerializeToString()) == GroupHeard(GROUP, "", None, (ANI,), (BUDI,))


def test_an_unknown_event_is_nothing() -> None:
    assert heard_of(13, b"") is None


def test_a_media_key_stays_out_of_logs() -> None:
    shown = repr(dataclasses.replace(STORED, media_key=b"secret-key"))
    assert "secret-key" not in shown
