"""Which earlier messages may be sent on, by which of their names, and what is kept of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from talkabiz.domain.content import Kind, Text
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.forwarding import MOST_FORWARDS
from talkabiz.domain.media_errors import MediaGone
from talkabiz.domain.message import Message, Origin, Status
from talkabiz.domain.message_errors import KeyReused
from talkabiz.domain.wishes import Forward
from talkabiz.store import arrivals, kliens, media, messages, parties
from talkabiz.store.database import transaction
from tests.fakes import NOW
from tests.services.conftest import Bench
from tests.services.sending import ANI, BUDI, OFF, Post, jid, make_post, serving

PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture(name="post")
async def _post(bench: Bench, tmp_path: Path) -> AsyncIterator[Post]:
    async with serving(make_post(bench, tmp_path)) as post:
        yield post


@pytest.fixture(name="shop")
async def _shop(post: Post, klien_id: int) -> int:
    await post.bench.link(klien_id)
    await post.messages.set_pace(klien_id, OFF)
    return klien_id


async def hear(klien_id: int, wa_id: str = "3A", kind: Kind = Kind.TEXT, chat: str = ANI, **more: Any) -> Message:
    """Something that came in; a text says `kabar`."""
    async with transaction():
        where = await parties.known(klien_id, jid=jid(chat))
        heard = arrivals.HeardMessage(
            chat_id=where.id,
            sender_id=where.id,
            source=Origin.CONTACT,
            wa_id=wa_id,
            kind=kind,
            text=more.pop("text", "kabar" if kind is Kind.TEXT else None),
            at=NOW,
            now=NOW,
            status=more.pop("status", Status.RECEIVED),
            **more,
        )
        message = await arrivals.take_in(klien_id, heard)
    assert message
    return message


async def forward(post: Post, klien_id: int, message_id: int | str, to: str = BUDI, **more: Any) -> Message:
    return (await post.messages.send(klien_id, Forward(to, message_id), **more)).message


async def refusal(post: Post, klien_id: int, message_id: int | str) -> str:
    """The sentence, of which nothing is left behind."""
    before = await messages.page(klien_id, chat=None, direction=None, status=None, since=0, limit=100)
    with pytest.raises(InvalidInput) as caught:
        await forward(post, klien_id, message_id)
    after = await messages.page(klien_id, chat=None, direction=None, status=None, since=0, limit=100)
    assert [message.id for message in before] == [message.id for message in after]
    assert caught.value.fields.keys() == {"message_id"}
    return caught.value.fields["message_id"]


async def test_its_words_go_on_alone_and_are_marked(post: Post, shop: int) -> None:
    heard = await hear(shop, reply_to="3B", mentions=[jid(BUDI)])
    message = await forward(post, shop, heard.id)
    assert (message.kind, message.text, message.forwards, dict(message.content)) == (Kind.TEXT, "kabar", 1, {})
    assert (message.reply_to, message.mentions) == (None, ())
    await post.reach(message.id, "sent")
    sending = post.conversations.sent[-1]
    assert (sending.content, sending.forwards, sending.quote) == (Text("kabar"), 1, None)
    again = await forward(post, shop, message.id, ANI)
    assert again.as_dict()["forwarded"] is True
    assert (await post.row(shop, again.id)).forwards == 2


async def test_the_count_stays_within_what_whatsapp_can_hold(post: Post, shop: int) -> None:
    heard = await hear(shop, forwards=MOST_FORWARDS)
    assert (await forward(post, shop, heard.id)).forwards == MOST_FORWARDS


async def test_it_may_wait_as_any_other(post: Post, shop: int) -> None:
    heard, later = await hear(shop), NOW + timedelta(hours=1)
    accepted = await post.messages.send(shop, Forward(BUDI, heard.id, send_at=later, expires_in=60))
    assert (accepted.message.send_at, accepted.message.expires_at) == (later, later + timedelta(seconds=60))


async def test_whatsapps_id_is_enough_where_only_one_message_has_it(post: Post, shop: int) -> None:
    await hear(shop, "3A")
    assert (await forward(post, shop, "3A")).text == "kabar"
    other = await hear(shop, "3A", chat=BUDI, text="lain")
    assert "several messages" in await refusal(post, shop, "3A")
    assert (await forward(post, shop, other.id)).text == "lain"


@pytest.mark.parametrize("reference", [99, "3F", 0, "two words", True])
async def test_what_isnt_there_is_refused(post: Post, shop: int, reference: Any) -> None:
    await refusal(post, shop, reference)


async def test_another_kliens_message_isnt_there(post: Post, shop: int) -> None:
    other = (await kliens.add("Toko Bulan")).id
    theirs = await hear(other, "3C")
    for reference in (theirs.id, "3C"):
        assert await refusal(post, shop, reference) == "message_id: there is no such message."


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (Kind.POLL, {"text": "Kapan?", "content": {"options": ["a", "b"], "choices": 1}}),
        (Kind.REACTION, {"text": "👍", "content": {"wa_id": "3B", "message_id": None}}),
        (Kind.EDIT, {"text": "baru", "content": {"wa_id": "3B", "message_id": None}}),
        (Kind.REVOKE, {"content": {"wa_id": "3B", "message_id": None}}),
        (Kind.UNKNOWN, {"content": {"name": "newThing"}}),
        (Kind.UNKNOWN, {"status": Status.UNDECRYPTABLE}),
        (Kind.LOCATION, {"content": {"latitude": None, "longitude": None, "name": "", "address": ""}}),
        (Kind.CONTACT, {"content": {"name": "", "vcard": "x"}}),
        (Kind.TEXT, {"text": ""}),
    ],
)
async def test_what_means_nothing_elsewhere_is_refused(post: Post, shop: int, kind: Kind, more: dict[str, Any]) -> None:
    heard = await hear(shop, kind=kind, **more)
    assert "can't be" in await refusal(post, shop, heard.id)


async def test_what_was_taken_back_or_never_left_is_refused(post: Post, shop: int) -> None:
    heard = await hear(shop)
    async with transaction():
        await arrivals.set_revoked(shop, heard.chat.id, "3A", sender_id=heard.sender.id, at=NOW)
    assert "taken back" in await refusal(post, shop, heard.id)
    later: datetime = NOW + timedelta(hours=1)
    waiting = await post.send(shop, send_at=later)
    assert "not been sent" in await refusal(post, shop, waiting)


async def test_an_edited_text_goes_on_as_it_is_now(post: Post, shop: int) -> None:
    heard = await hear(shop)
    async with transaction():
        await arrivals.set_edited(shop, heard.chat.id, "3A", sender_id=heard.sender.id, text="kabar baru", at=NOW)
    assert (await forward(post, shop, heard.id)).text == "kabar baru"


async def test_a_file_that_isnt_here_cant_go_on(post: Post, shop: int) -> None:
    async with transaction():
        row = await media.add(shop, status="pending", mimetype="image/jpeg", source=b"raw", now=NOW)
    pending = await hear(shop, kind=Kind.IMAGE, media_id=row.id)
    without = await hear(shop, "3B", kind=Kind.IMAGE)
    for heard in (pending, without):
        with pytest.raises(MediaGone):
            await forward(post, shop, heard.id)


async def test_a_file_goes_on_under_its_name_and_is_uploaded_anew(post: Post, shop: int) -> None:
    file = await post.media.add(shop, PDF, kind=Kind.DOCUMENT, filename="nota.pdf")
    heard = await hear(shop, kind=Kind.DOCUMENT, media_id=file.id, text="baca")
    message = await forward(post, shop, heard.id)
    assert (message.media, message.text) == (file, "baca")
    await post.reach(message.id, "sent")
    assert ("upload", PDF) in {(call[0], call[2]) for call in post.conversations.calls if call[0] == "upload"}


async def test_a_key_stands_for_one_forward(post: Post, shop: int) -> None:
    heard = await hear(shop)
    first = await forward(post, shop, heard.id, key="k", fingerprint="aa")
    again = await post.messages.send(shop, Forward(BUDI, heard.id), key="k", fingerprint="aa")
    assert (again.message.id, again.is_replay) == (first.id, True)
    with pytest.raises(KeyReused):
        await forward(post, shop, heard.id, ANI, key="k", fingerprint="bb")
