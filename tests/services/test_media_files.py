"""Files of messages on disk: whole or not there, for the owner alone, and never elsewhere."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from talkabiz.services.media_files import COMING, LOST, Files, MediaDirError


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files.open(tmp_path / "media")


def put(files: Files, klien_id: int, data: bytes = b"x") -> str:
    coming = files.begin()
    coming.write(data)
    return files.keep(klien_id, coming)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_has_a_name_of_ours_and_is_its_owner_s_alone(files: Files) -> None:
    os.umask(before := os.umask(0))
    os.umask(0)
    try:
        coming = files.begin()
        coming.write(b"ab")
        coming.write(b"c")
        kept = files.path(files.keep(7, coming))
    finally:
        os.umask(before)

    assert (kept.read_bytes(), coming.size, coming.sha256) == (b"abc", 3, hashlib.sha256(b"abc").hexdigest())
    assert kept.parent == files.root / "7"
    assert (mode(kept), mode(kept.parent), mode(files.root), mode(files.root / COMING)) == (0o600, 0o700, 0o700, 0o700)


def test_no_two_files_share_a_name(files: Files) -> None:
    assert len({put(files, 1) for _ in range(100)}) == 100


def test_what_is_kept_was_synced_before_its_name_and_the_name_after(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, rename = os.fsync, Path.rename

    def noted_sync(opened: int) -> None:
        order.append("sync names" if stat.S_ISDIR(os.fstat(opened).st_mode) else "sync")
        sync(opened)

    def noted_rename(path: Path, to: Path) -> Path:
        order.append("rename")
        return rename(path, to)

    put(files, 1)
    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    put(files, 1)

    assert order == ["sync", "rename", "sync names"]


def test_a_file_that_is_dropped_leaves_nothing(files: Files) -> None:
    coming = files.begin()
    coming.write(b"half")
    coming.drop()
    coming.drop()

    assert list((files.root / COMING).iterdir()) == []


def test_dropping_what_was_kept_takes_nothing_away(files: Files) -> None:
    coming = files.begin()
    coming.write(b"x")
    kept = files.keep(1, coming)
    coming.drop()

    assert files.path(kept).read_bytes() == b"x"


def test_what_was_coming_when_the_last_process_ended_is_deleted(files: Files) -> None:
    half = files.begin()
    half.write(b"half")
    kept = put(files, 1)

    again = Files.open(files.root)
    half.drop()

    assert list((files.root / COMING).iterdir()) == []
    assert again.path(kept).exists()


@pytest.mark.parametrize(
    "relative",
    ["", "1", "../1/01J00000000000000000000000", "1/../../01J00000000000000000", "/etc/passwd", "0/" + "A" * 26],
)
def test_no_path_leads_elsewhere(files: Files, relative: str) -> None:
    with pytest.raises(ValueError, match="no file of ours"):
        files.path(relative)
    with pytest.raises(ValueError, match="no file of ours"):
        files.remove(relative)


def test_a_klien_s_files_go_and_others_stay(files: Files) -> None:
    mine, other = put(files, 1), put(files, 11)

    files.remove_klien(1)
    files.remove_klien(2)

    assert not files.path(mine).exists()
    assert files.path(other).exists()
    assert files.kliens() == [11]


def test_with_a_klien_s_files_go_those_that_were_set_aside(files: Files) -> None:
    for klien_id in (1, 1, 11):
        put(files, klien_id)
        files.set_aside(klien_id, (), older_than=-1)

    files.remove_klien(1)

    assert [path.name.partition("-")[0] for path in (files.root / LOST).iterdir()] == ["11"]


def test_a_klien_s_files_that_can_t_be_deleted_are_told_in_the_log(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    kept, lost = put(files, 1), put(files, 1)
    files.set_aside(1, {kept}, older_than=-1)
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(os, "unlink", refuse)
        patch.setattr(Path, "unlink", refuse)
        files.remove_klien(1)
        files.remove_klien(2)

    told = {Path(line["path"]).name for line in logs if line["why"] == "[Errno 13] Permission denied"}
    assert told == {files.path(kept).name, lost.replace("/", "-")}
    assert {(line["event"], line["klien_id"]) for line in logs} == {("media_not_deleted", 1)}


def test_what_no_row_knows_is_set_aside_once_it_is_old_enough(files: Files) -> None:
    known, stray, fresh = put(files, 1), put(files, 1), put(files, 1)
    hour_ago = time.time() - 3601
    for old in (known, stray):
        os.utime(files.path(old), (hour_ago, hour_ago))

    assert files.set_aside(1, {known}) == 1

    assert [files.path(each).exists() for each in (known, stray, fresh)] == [True, False, True]
    (lost,) = (files.root / LOST).iterdir()
    assert (lost.name, lost.read_bytes()) == (stray.replace("/", "-"), b"x")
    assert mode(lost.parent) == 0o700

    files.empty_lost()
    assert lost.exists()
    files.empty_lost(older_than=0)
    assert not lost.exists()


def test_with_the_last_file_of_a_klien_that_nothing_knows_its_folder_goes(files: Files) -> None:
    for klien_id in (1, 2):
        put(files, klien_id)

    assert (files.set_aside(1, (), older_than=-1), files.set_aside(2, ())) == (1, 0)

    assert files.kliens() == [2]


def test_nothing_lost_is_nothing_to_empty(files: Files) -> None:
    files.empty_lost()


def test_a_directory_that_can_t_be_written_to_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(MediaDirError, match="can't be written to: Not a directory"):
        Files.open(tmp_path / "file" / "media")
