from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from talkabiz.sandbox.accounts import MAX_COMPANIONS, Account, Accounts, lid_of
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.nodes import Jid

NUMBER = "628123456789"


def link(accounts: Accounts, account: Account) -> int:
    device = account.new_device(b"n" * 32, b"i" * 32, "test")
    accounts.link(account, device)
    return device.id


@pytest.mark.parametrize("number", ["1234567", "6281234567890", "123456789012345"])
def test_numbers_of_7_to_15_digits_are_taken(number: str) -> None:
    assert Accounts().add(number, "")[1]


@pytest.mark.parametrize(
    "number", ["", "123456", "1234567890123456", "+628123456789", "0812345678", "62812 345", "٦٢٨١٢٣٤"]
)
def test_other_numbers_are_refused(number: str) -> None:
    accounts = Accounts()
    with pytest.raises(SandboxError) as refused:
        accounts.add(number, "")
    assert refused.value.code == "invalid_input"
    assert not accounts.all()


@pytest.mark.parametrize("name", ["x" * 101, "half \ud800"])
def test_a_name_that_cannot_be_sent_is_refused(name: str) -> None:
    with pytest.raises(SandboxError):
        Accounts().add(NUMBER, name)


@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_any_other_name_is_kept_as_it_is(name: str) -> None:
    assert Accounts().add(NUMBER, name)[0].name == name


def test_the_same_number_again_is_the_same_phone_with_the_new_name() -> None:
    accounts = Accounts()
    first, _ = accounts.add(NUMBER, "Toko")
    again, new = accounts.add(NUMBER, "Warung")
    assert again is first
    assert not new
    assert first.name == "Warung"


def test_devices_get_the_ids_from_1_on_and_a_removed_one_is_not_given_again_soon() -> None:
    accounts = Accounts()
    account, _ = accounts.add(NUMBER, "")
    assert [link(accounts, account) for _ in range(3)] == [1, 2, 3]
    accounts.remove(account, 2)
    assert link(accounts, account) == 4


def test_after_the_last_id_the_free_ones_come_again() -> None:
    accounts = Accounts()
    account, _ = accounts.add(NUMBER, "")
    first = link(accounts, account)
    for _ in range(98):
        accounts.remove(account, link(accounts, account))
    assert first == 1
    assert link(accounts, account) == 2


def test_a_fifth_companion_is_refused() -> None:
    accounts = Accounts()
    account, _ = accounts.add(NUMBER, "")
    for _ in range(MAX_COMPANIONS):
        link(accounts, account)
    with pytest.raises(SandboxError) as refused:
        link(accounts, account)
    assert refused.value.code == "device_limit"
    accounts.remove(account, 1)
    assert link(accounts, account) == 5


def test_a_device_is_found_by_number_and_by_lid() -> None:
    accounts = Accounts()
    account, _ = accounts.add(NUMBER, "")
    device = account.devices.get(link(accounts, account))
    assert device
    assert accounts.device(Jid(NUMBER, device=1)) is device
    assert accounts.device(Jid(account.lid.user, "lid", 1)) is device
    assert accounts.device(Jid(NUMBER, device=2)) is None
    assert accounts.device(Jid(NUMBER, "g.us", 1)) is None


def test_every_number_has_a_lid_of_its_own_and_always_the_same() -> None:
    lids = {lid_of(str(number)).user for number in range(62812000000, 62812001000)}
    assert len(lids) == 1000
    assert lid_of(NUMBER) == lid_of(NUMBER)
