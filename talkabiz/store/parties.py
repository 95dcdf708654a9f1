"""Who a klien writes with: people and groups, and the chats that they are. In SQL, as `talkabiz.store.sessions`.

A person has two addresses, by number and by LID, and is often known by one of them first. When both are told, what was
known by either becomes one row: the number's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from talkabiz.domain.chats import Chat
from talkabiz.domain.errors import NotFound
from talkabiz.domain.ids import LID_SERVER, USER_SERVER, Jid, clean_name, is_phone, make_jid, parse_jid
from talkabiz.domain.message import Party
from talkabiz.store import messages
from talkabiz.store.database import connected
from talkabiz.store.joining import join
from talkabiz.store.message_rows import account_of, party_of

_BY_ID = "SELECT * FROM parties WHERE klien_id = ? AND id = ?"
_BY_ADDRESS = """
    SELECT * FROM parties WHERE klien_id = ?1 AND jid = ?2
    UNION SELECT * FROM parties WHERE klien_id = ?1 AND phone = ?3
    UNION SELECT * FROM parties WHERE klien_id = ?1 AND lid = ?4 ORDER BY id
"""  # with OR, SQLite looks through all of the klien's
_ACCOUNT = "SELECT wa_nomor, wa_lid, wa_nama FROM kliens WHERE id = ?"
_ADD = """
    INSERT INTO parties (klien_id, jid, phone, lid, name, unread, created_at)
    SELECT id, ?, ?, ?, ?, 0, ? FROM kliens WHERE id = ? RETURNING *
"""
_CHANGE = "UPDATE parties SET jid = ?, phone = ?, lid = ?, name = ? WHERE klien_id = ? AND id = ? RETURNING *"
_LOSE_LID = "UPDATE parties SET lid = NULL WHERE klien_id = ? AND id = ?"
_CHATS = """
    SELECT * FROM parties WHERE klien_id = ? AND last_at IS NOT NULL AND (last_at, id) < (?, ?)
    ORDER BY last_at DESC, id DESC LIMIT ?
"""
_CHECKED = "UPDATE parties SET on_whatsapp = ?, checked_at = ? WHERE klien_id = ? AND id = ?"
_LAST_CHECK = """
    SELECT on_whatsapp, checked_at FROM parties WHERE klien_id = ? AND phone = ? AND checked_at IS NOT NULL
"""
_READ = "UPDATE parties SET unread = 0 WHERE klien_id = ? AND id = ?"
_GROUP = "UPDATE parties SET name = COALESCE(?, name), members = COALESCE(?, members) WHERE klien_id = ? AND id = ?"

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


async def known(klien_id: int, *, jid: str, alt: str = "", name: str | None = None) -> Party:
    """Inside a transaction: who has this address, or since now has. `alt` is the other one of a person, if it was told.

    A device in an address counts for nothing. `name` is kept, unless it is empty. Joining two rows moves what the LID's
    row had to the number's, whose id stays; whoever holds the other id must ask again.

    Raises:
        InvalidInput: that is no address.
        NotFound: there is no such klien (any more).
    """
    jid, phone, lid = _address(jid, alt)
    found = await _by_address(klien_id, jid, phone, lid)
    party = await _one_of(klien_id, found, phone)
    name = clean_name(name or "") or None
    if party is None:
        return await _add(klien_id, Party(0, jid, phone, lid, name))
    wanted = _joined(party, phone, lid, name)
    return party if wanted == party else await _change(klien_id, wanted)


async def find(klien_id: int, jid_or_phone: str) -> Party | None:
    """By number (digits alone), number's JID, LID or group. Raises InvalidInput for what is no address."""
    jid, phone, lid = _address(f"{jid_or_phone}@{USER_SERVER}" if is_phone(jid_or_phone) else jid_or_phone)
    return next(iter(await _by_address(klien_id, jid, phone, lid)), None)


async def get(klien_id: int, party_id: int) -> Party | None:
    return next(iter(await _parties(_BY_ID, klien_id, party_id)), None)


async def account(klien_id: int) -> Party:
    """The klien's own, as far as it is known: without a linked device it has no address.

    Raises:
        NotFound: there is no such klien (any more).
    """
    _, rows = await connected().execute_query(_ACCOUNT, [klien_id])
    if not rows:
        raise NotFound
    return account_of(rows[0])


async def chats(klien_id: int, before: tuple[datetime, int] | None, limit: int) -> list[Chat]:
    """In which something was said, the latest first; `before`: `last_at` and the party's id of the last one had."""
    at, party_id = before or (_END_OF_TIME, 0)
    _, rows = await connected().execute_query(_CHATS, [klien_id, at, party_id, limit])
    last = await messages.several(klien_id, [row["last_message_id"] for row in rows if row["last_message_id"]])
    return [
        Chat(
            party=party_of(row),
            last=last.get(row["last_message_id"]),
            unread=row["unread"],
            last_at=datetime.fromisoformat(row["last_at"]),
        )
        for row in rows
    ]


async def set_on_whatsapp(klien_id: int, party_id: int, is_on: bool, at: datetime) -> None:  # noqa: FBT001 - it is what was found
    """Inside a transaction: what WhatsApp said of this number, and when."""
    await connected().execute_query(_CHECKED, [is_on, at, klien_id, party_id])


async def last_check(klien_id: int, phone: str) -> tuple[bool, datetime] | None:
    """What WhatsApp last said of this number, and when; None: it was never asked."""
    _, rows = await connected().execute_query(_LAST_CHECK, [klien_id, phone])
    return (bool(rows[0]["on_whatsapp"]), datetime.fromisoformat(rows[0]["checked_at"])) if rows else None


async def note_read(klien_id: int, party_id: int) -> None:
    """Inside a transaction: nothing in this chat is unread."""
    await connected().execute_query(_READ, [klien_id, party_id])


async def note_group(klien_id: int, party_id: int, *, name: str | None = None, members: int | None = None) -> None:
    """Inside a transaction: what a group is called, and how many are in it beside us; None: that wasn't told."""
    await connected().execute_query(_GROUP, [clean_name(name or "") or None, members, klien_id, party_id])


def _address(jid: str, alt: str = "") -> tuple[str, str | None, str | None]:
    """Where messages go, the number, the LID."""
    both = [parse_jid(jid), *([parse_jid(alt)] if alt else [])]
    phone = next((each.user for each in both if each.server == USER_SERVER), None)
    lid = next((make_jid(Jid(each.user, LID_SERVER)) for each in both if each.server == LID_SERVER), None)
    if phone is None and lid is None:
        return make_jid(Jid(both[0].user, both[0].server)), None, None
    return _jid(phone, lid), phone, lid


def _jid(phone: str | None, lid: str | None) -> str:
    return f"{phone}@{USER_SERVER}" if phone else lid or ""


async def _one_of(klien_id: int, found: list[Party], phone: str | None) -> Party | None:
    """The row that stays of those that have one of the two addresses."""
    if len(found) < 2:  # noqa: PLR2004 - as many as there are addresses
        return next(iter(found), None)
    stays, goes = sorted(found, key=lambda party: party.phone != phone)
    if goes.phone is None:
        await join(klien_id, stays.id, goes.id)
    else:  # somebody else's number: the LID has moved to this one
        await connected().execute_query(_LOSE_LID, [klien_id, goes.id])
    return await get(klien_id, stays.id)


def _joined(party: Party, phone: str | None, lid: str | None, name: str | None) -> Party:
    phone, lid = phone or party.phone, lid or party.lid
    jid = _jid(phone, lid) or party.jid
    return Party(party.id, jid, phone, lid, name or party.name)


async def _by_address(klien_id: int, jid: str, phone: str | None, lid: str | None) -> list[Party]:
    return await _parties(_BY_ADDRESS, klien_id, jid, phone, lid)


async def _add(klien_id: int, party: Party) -> Party:
    values = [party.jid, party.phone, party.lid, party.name, datetime.now(UTC), klien_id]
    _, rows = await connected().execute_query(_ADD, values)
    if not rows:
        raise NotFound
    return party_of(rows[0])


async def _change(klien_id: int, party: Party) -> Party:
    return (await _parties(_CHANGE, party.jid, party.phone, party.lid, party.name, klien_id, party.id))[0]


async def _parties(question: str, *values: Any) -> list[Party]:
    _, rows = await connected().execute_query(question, list(values))
    return [party_of(row) for row in rows]
