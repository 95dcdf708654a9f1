from __future__ import annotations

import pytest

from talkabiz.sandbox import mailbox
from talkabiz.sandbox.mailbox import Mailbox, Receipted
from talkabiz.sandbox.nodes import Node


def key(number: int) -> Receipted:
    return Receipted("message", str(number), "", "628123456789")


def put(box: Mailbox, *numbers: int, stored: bool = False) -> None:
    for number in numbers:
        box.put(key(number), Node("message", {"id": str(number)}), stored=stored)


def due(box: Mailbox) -> list[str]:
    return list(map(name, box.due()))


def name(node: Node) -> str:
    return node.text("id") or node.children[0].tag


def test_what_is_put_leaves_once_and_stays_until_it_is_acknowledged() -> None:
    box = Mailbox()
    put(box, 1, 2)
    assert due(box) == ["1", "2"]
    assert due(box) == []
    assert len(box) == 2
    box.forget(key(1))
    box.forget(key(7))
    assert [node.text("id") for _, node in box.contents()] == ["2"]


def test_a_new_link_gets_what_was_not_acknowledged_as_a_backlog_before_anything_else() -> None:
    box = Mailbox()
    put(box, 1, 2, 3)
    assert due(box) == ["1", "2", "3"]
    box.forget(key(2))
    put(box, 4)
    box.rewind()
    put(box, 5)
    told = list(box.due())
    assert [node.text("id") or node.children[0].tag for node in told] == [
        "offline_preview",
        "1",
        "3",
        "4",
        "offline",
        "5",
    ]
    assert [node.text("offline") for node in told if node.tag == "message"] == ["0", "1", "2", ""]
    assert told[0].children[0].attrs == {
        "count": "3",
        "appdata": "0",
        "message": "3",
        "receipt": "0",
        "notification": "0",
    }
    assert told[4].children[0].text("count") == "3"


def test_an_empty_one_tells_only_that_its_backlog_is_over() -> None:
    box = Mailbox()
    box.rewind()
    assert due(box) == ["offline"]
    assert due(box) == []


def test_no_more_are_under_way_than_a_client_can_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "WINDOW", 2)
    box = Mailbox()
    put(box, 1, 2, 3, stored=True)
    box.rewind()
    assert due(box) == ["offline_preview", "1", "2"]
    box.forget(key(1))
    assert due(box) == ["3", "offline"]


def test_a_shut_one_gives_nothing_until_it_is_released() -> None:
    box = Mailbox()
    box.shut = True
    put(box, 1, stored=True)
    assert due(box) == []
    box.release()
    assert due(box) == ["offline_preview", "1", "offline"]


def test_a_backlog_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "WINDOW", 1)
    box = Mailbox()
    put(box, 1)
    assert due(box) == ["1"]
    box.shut = True
    put(box, 2, stored=True)
    box.release()
    assert due(box) == ["offline_preview"]
    assert due(box) == []
    box.forget(key(1))
    assert due(box) == ["2", "offline"]


def test_the_second_copy_is_acknowledged_for_itself() -> None:
    box = Mailbox()
    for copy in (0, 1):
        box.put(key(1), Node("message", {"id": "1"}), copy=copy)
    assert due(box) == ["1", "1"]
    box.forget(key(1))
    assert len(box) == 1
    box.forget(key(1))
    assert len(box) == 0


def test_the_oldest_are_dropped_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "LARGEST_COUNT", 2)
    box = Mailbox()
    put(box, 1, 2, 3)
    assert due(box) == ["2", "3"]
    monkeypatch.setattr(mailbox, "LARGEST_BYTES", 1000)
    box.put(key(4), Node("message", {"id": "4"}, bytes(990)))
    assert due(box) == ["4"]
    assert len(box) == 1
