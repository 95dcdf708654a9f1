from __future__ import annotations

from pathlib import Path

import pytest

from talkabiz.sandbox import memory
from talkabiz.sandbox.accounts import Accounts
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.groups import Groups
from talkabiz.sandbox.mailbox import Receipted
from talkabiz.sandbox.memory import State
from talkabiz.sandbox.nodes import Jid, Node
from talkabiz.sandbox.tokens import Tokens
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.authority import certificates
from tests.sandbox.test_session import prekeys

NUMBER = "628123456789"


def test_accounts_and_devices_come_back_as_they_were(tmp_path: Path) -> None:
    accounts = Accounts()
    account, _ = accounts.add(NUMBER, "Toko ☕ \u202e")
    accounts.link(account, account.new_device(b"n" * 32, b"i" * 32, "Chrome"))
    memory.save(tmp_path / "state.json", State(accounts.all()))
    assert memory.load(tmp_path / "state.json").accounts == accounts.all()


def test_mail_keys_and_groups_come_back_as_they_were(tmp_path: Path) -> None:
    accounts = Accounts()
    account, _ = accounts.add(NUMBER, "Toko")
    accounts.link(account, device := account.new_device(b"n" * 32, b"i" * 32, "Chrome"))
    device.bundle.upload(Node("iq", {}, prekeys(1, 3)))
    nodes = [
        Node("message", {"id": str(number), "from": Jid("1", "lid", 2)}, (Node("enc", {"v": "2"}, bytes(range(256))),))
        for number in range(3)
    ]
    for number, node in enumerate([*nodes, Node("receipt", {"id": "x"}, "word"), Node("x", {}, Jid("2"))]):
        device.mailbox.put(Receipted(node.tag, str(number), "", NUMBER), node)
    groups = Groups(accounts)
    group = groups.create("Arisan ☕", account)
    groups.describe(group, "D1", "setiap Minggu", account)
    groups.set(group, "locked", on=True)

    memory.save(tmp_path / "state.json", State(accounts.all(), groups.all()))
    found = memory.load(tmp_path / "state.json")

    (restored,) = found.accounts[0].devices.values()
    assert restored.mailbox.contents() == device.mailbox.contents()
    assert restored.bundle.lasting == device.bundle.lasting != ()
    assert found.groups == [group]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    (tmp_path / "state.json.new").touch(mode=0o644)  # as another one, or a save that was cut off, left it
    memory.save(tmp_path / "state.json", State())
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_no_file_is_no_account(tmp_path: Path) -> None:
    assert memory.load(tmp_path / "state.json") == State()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"accounts": [{}]}', '{"accounts": 1}', '{"accounts": [1]}'])
def test_a_file_that_is_not_ours_is_an_error_and_is_left_alone(tmp_path: Path, text: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    with pytest.raises(SandboxError) as refused:
        memory.load(state)
    assert refused.value.code == "state_unreadable"
    assert state.read_text() == text


async def test_a_sandbox_remembers_what_one_before_it_was_told(tokens: Tokens, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    Sandbox(tokens, certificates(), state).phones.add(NUMBER, "Toko")
    assert Sandbox(tokens, certificates(), state).phones.get(NUMBER).name == "Toko"


async def test_a_state_that_cannot_be_written_costs_only_the_memory(tokens: Tokens, tmp_path: Path) -> None:
    sandbox = Sandbox(tokens, certificates(), tmp_path / "nowhere" / "state.json")
    sandbox.phones.add(NUMBER, "Toko")
    assert sandbox.phones.get(NUMBER).name == "Toko"
