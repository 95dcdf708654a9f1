"""Who got a message, told by its id alone: for receipts that come by another address than the message went to."""

from __future__ import annotations

from collections.abc import Sequence

from talkabiz.domain.ids import LID_SERVER
from talkabiz.store.database import connected

# From the few whose other address isn't known, each by the index on its messages' ids.
_LACKING = """
    SELECT DISTINCT parties.jid FROM parties CROSS JOIN messages ON messages.chat_id = parties.id
        AND messages.wa_id IN ({}) AND messages.direction = 'out'
    WHERE parties.klien_id = ? AND parties.{} IS NULL AND parties.jid NOT LIKE '%@g.us' LIMIT 2
"""


async def other_address(klien_id: int, address: str, wa_ids: Sequence[str]) -> str:
    """The JID of the one person who was sent one of these and lacks an address of this kind, number or LID; "" where it
    isn't exactly one. Such an id is random, and nobody but its sender and its receiver knows it.
    """
    column = "lid" if address.endswith(f"@{LID_SERVER}") else "phone"
    question = _LACKING.format(", ".join("?" for _ in wa_ids), column)
    _, rows = await connected().execute_query(question, [*wa_ids, klien_id])
    return str(rows[0]["jid"]) if len(rows) == 1 else ""
