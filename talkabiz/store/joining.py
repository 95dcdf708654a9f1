"""Two rows of one person made one, everything with it."""

from __future__ import annotations

from talkabiz.store.arrivals import ABOUT_OTHERS
from talkabiz.store.database import connected

# The same message in both: once it couldn't be read, or it was taken in twice. The one that says more stays.
_TWICE = """
    SELECT CASE WHEN one.status = 'undecryptable' AND other.status <> 'undecryptable' THEN one.id
                WHEN other.status = 'undecryptable' AND one.status <> 'undecryptable' THEN other.id
                ELSE MAX(one.id, other.id) END
    FROM messages AS one JOIN messages AS other ON other.chat_id = ?2 AND other.wa_id = one.wa_id
    WHERE one.chat_id = ?3
"""
# What is unread are the last ones that came in. One that was read elsewhere needn't be `read`.
_UNCOUNT = """
    UPDATE parties SET unread = unread - (
        SELECT COUNT(*) FROM (
            SELECT id FROM messages WHERE chat_id = {chat} AND direction = 'in'
                AND status IN ('received', 'undecryptable') AND type NOT IN ({about_others})
            ORDER BY id DESC LIMIT (SELECT unread FROM parties WHERE id = {chat})
        ) WHERE id IN ({twice})
    ) WHERE klien_id = ?1 AND id = {chat}
"""
_SAME_MESSAGE = "DELETE FROM messages WHERE klien_id = ?1 AND id IN ({twice})"
_MESSAGES = "UPDATE messages SET chat_id = ?2 WHERE +klien_id = ?1 AND chat_id = ?3"
_WRITTEN = "UPDATE messages SET sender_id = ?2 WHERE +klien_id = ?1 AND sender_id = ?3"
_RECEIPTS = """
    INSERT INTO receipts (klien_id, chat_id, party_id, wa_id, delivered_at, read_at, played_at, created_at)
    SELECT klien_id, CASE chat_id WHEN ?3 THEN ?2 ELSE chat_id END,
           CASE party_id WHEN ?3 THEN ?2 ELSE party_id END, wa_id, delivered_at, read_at, played_at, created_at
    FROM receipts WHERE klien_id = ?1 AND id IN (
        SELECT id FROM receipts WHERE chat_id = ?3 UNION SELECT id FROM receipts WHERE party_id = ?3
    )
    ON CONFLICT (chat_id, wa_id, party_id) DO UPDATE SET
        delivered_at = COALESCE(delivered_at, excluded.delivered_at), read_at = COALESCE(read_at, excluded.read_at),
        played_at = COALESCE(played_at, excluded.played_at)
"""  # with OR, SQLite looks through those of all kliens
_OLD_RECEIPTS = """
    DELETE FROM receipts WHERE klien_id = ?1 AND id IN (
        SELECT id FROM receipts WHERE chat_id = ?3 UNION SELECT id FROM receipts WHERE party_id = ?3
    )
"""
_PARTY = """
    UPDATE parties SET
        name = COALESCE(parties.name, gone.name), unread = parties.unread + gone.unread,
        on_whatsapp = COALESCE(parties.on_whatsapp, gone.on_whatsapp),
        checked_at = COALESCE(parties.checked_at, gone.checked_at)
    FROM (SELECT * FROM parties WHERE klien_id = ?1 AND id = ?3) AS gone
    WHERE parties.klien_id = ?1 AND parties.id = ?2
"""
_LAST = """
    UPDATE parties SET (last_message_id, last_at) = (
        SELECT last.id, either.last_at FROM parties AS either
        LEFT JOIN messages AS last ON last.id = either.last_message_id
        WHERE +either.klien_id = ?1 AND either.id IN (?3, ?2)
        ORDER BY last.id IS NULL, either.last_at DESC LIMIT 1
    ) WHERE klien_id = ?1 AND id = ?2
"""
_GOES = "DELETE FROM parties WHERE klien_id = ?1 AND id = ?3"

_ABOUT_OTHERS = ", ".join(f"'{kind}'" for kind in sorted(ABOUT_OTHERS))
_ONCE = (
    *(_UNCOUNT.format(chat=chat, about_others=_ABOUT_OTHERS, twice=_TWICE) for chat in ("?2", "?3")),
    _SAME_MESSAGE.format(twice=_TWICE),
)
_ALL = (_MESSAGES, _WRITTEN, _RECEIPTS, _OLD_RECEIPTS, _PARTY, _LAST, _GOES)


async def join(klien_id: int, stays: int, goes: int) -> None:
    """Inside a transaction: two parties of a klien become one. The address of the one that goes is free afterwards."""
    values = [klien_id, stays, goes]
    _, twice = await connected().execute_query(_TWICE, values)
    for statement in (*(_ONCE if twice else ()), *_ALL):
        await connected().execute_query(statement, values)
