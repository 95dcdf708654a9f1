"""What a virtual phone remembers of its chats."""

from __future__ import annotations

from datetime import UTC, datetime

from talkabiz.domain.content import Text
from talkabiz.domain.heard import ReceiptHeard, ReceiptType
from talkabiz.sandbox.chat_log import ChatLog, Entry

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BUDI, LID = "628222222222@s.whatsapp.net", "222@lid"


def receipt(type_: ReceiptType) -> ReceiptHeard:
    return ReceiptHeard(("A",), type_, BUDI, LID, "", from_me=False, at=NOW)


def test_a_receipt_that_was_faster_than_its_message_is_the_same_persons_as_a_later_one() -> None:
    log = ChatLog()
    log.hear_receipt(receipt(ReceiptType.DELIVERED), BUDI)
    log.add(Entry("A", True, BUDI, "628111111111@s.whatsapp.net", Text("halo"), "", NOW, "sent", NOW))
    (entry,) = log.all()
    assert (entry.status, entry.receipts) == ("delivered", {BUDI: "delivered"})
    log.hear_receipt(receipt(ReceiptType.PLAYED), BUDI)
    assert entry.receipts == {BUDI: "played"}
