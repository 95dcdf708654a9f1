from __future__ import annotations

from pathlib import Path

import pytest

from talkabiz.sandbox import memory
from talkabiz.sandbox.accounts import Accounts
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.memory import State
from talkabiz.sandbox.tokens import Tokens
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.authority import certificates

NUMBER = "628123456789"


def test_accounts_and_devices_come_back_as_they_were(tmp_path: Path) -> None:
    accounts = Accounts()
    account, _ = accounts.add(NUMBER, "Toko ☕ \u202e")
    accounts.link(account, account.new_device(b"n" * 32, b"i" * 32, "Chrome"))
    memory.save(tmp_path / "state.json", State(accounts.all()))
    assert memory.load(tmp_path / "state.json").accounts == accounts.all()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
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
