from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import pytest

from talkabiz.services.sealing import FILE, Seal, SecretKeyUnsafe, SecretKeyWrong, open_key

KEY = bytes(range(32))
SECRET = b"whsec_c2VjcmV0"


def test_what_is_sealed_can_be_opened_and_doesnt_show() -> None:
    seal = Seal(KEY)
    sealed = seal.close_up(SECRET, 7)

    assert Seal(KEY).open_up(sealed, 7) == SECRET
    assert SECRET not in sealed
    assert seal.close_up(SECRET, 7) != sealed


def test_no_other_key_opens_it_and_no_other_klien() -> None:
    sealed = Seal(KEY).close_up(SECRET, 7)

    with pytest.raises(SecretKeyWrong):
        Seal(secrets.token_bytes(32)).open_up(sealed, 7)
    with pytest.raises(SecretKeyWrong):
        Seal(KEY).open_up(sealed, 8)


def test_what_was_touched_cant_be_opened() -> None:
    seal = Seal(KEY)
    sealed = seal.close_up(SECRET, 7)

    for place in range(len(sealed)):
        touched = bytearray(sealed)
        touched[place] ^= 1
        with pytest.raises(SecretKeyWrong):
            seal.open_up(bytes(touched), 7)
    for length in range(len(sealed)):
        with pytest.raises(SecretKeyWrong):
            seal.open_up(sealed[:length], 7)


def test_without_one_given_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key = open_key(None, tmp_path)
    finally:
        os.umask(before)

    assert open_key(None, tmp_path) == key
    assert len(key) == 32
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_made_is_on_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, link = os.fsync, os.link

    def noted_sync(opened: int) -> None:
        order.append("sync names" if stat.S_ISDIR(os.fstat(opened).st_mode) else "sync")
        sync(opened)

    def noted_link(*names: Path) -> None:
        order.append("name")
        link(*names)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "link", noted_link)
    open_key(None, tmp_path)

    assert order == ["sync", "name", "sync names"]


def test_one_that_is_given_counts_and_no_file_is_made(tmp_path: Path) -> None:
    assert open_key(KEY.hex(), tmp_path) == KEY
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    open_key(None, tmp_path)
    (tmp_path / FILE).chmod(mode)

    with pytest.raises(SecretKeyUnsafe, match="chmod 600"):
        open_key(None, tmp_path)


@pytest.mark.parametrize("content", [b"", b"nothing", b"\xff" * 64])
def test_a_file_without_a_key_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    (tmp_path / FILE).chmod(0o600)

    with pytest.raises(SecretKeyUnsafe, match="holds no key"):
        open_key(None, tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_link_to_another_file_isnt_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(KEY.hex())
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SecretKeyUnsafe):
        open_key(None, tmp_path)


def test_a_folder_that_isnt_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SecretKeyUnsafe, match="can't be read or made"):
        open_key(None, tmp_path / "missing")
