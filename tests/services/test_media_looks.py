"""What files by real programs show of themselves, and pictures that pretend."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkabiz.domain.media_errors import MediaRefused
from talkabiz.domain.media_rules import MOST_PIXELS
from talkabiz.services.media_looks import check_picture, look
from tests import samples

OOXML = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("tone.mp3", "audio/mpeg"),
        ("bare.mp3", "audio/mpeg"),
        ("tone.m4a", "audio/mp4"),
        ("tone.aac", "audio/aac"),
        ("tone.wav", "audio/x-wav"),
        ("tone.flac", "audio/x-flac"),
        ("tone.amr", "audio/amr"),
        ("vorbis.ogg", "audio/ogg"),
        ("tone.webm", "video/webm"),
        ("tone.mp4", "video/mp4"),
        ("silent.mp4", "video/mp4"),
        ("silent.3gp", "video/mp4"),
        ("silent.mov", "video/quicktime"),
        ("silent.webm", "video/webm"),
        ("silent.mkv", "video/x-matroska"),
    ],
)
def test_a_recording_shows_its_type(name: str, type_: str, tmp_path: Path) -> None:
    seen = look(written(tmp_path, samples.recorded(name)))

    assert (seen.type, seen.is_opus) == (type_, False)


def test_a_voice_shows_that_it_is_one_and_how_long(tmp_path: Path) -> None:
    seen = look(written(tmp_path, samples.recorded("opus.ogg")))

    assert (seen.type, seen.is_opus, seen.seconds) == ("audio/ogg", True, 2)


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        (samples.picture("PNG"), "image/png"),
        (samples.picture("JPEG"), "image/jpeg"),
        (samples.picture("WEBP"), "image/webp"),
        (samples.picture("GIF"), "image/gif"),
        (samples.picture("TIFF"), "image/tiff"),
        (samples.PDF, "application/pdf"),
        (samples.archive("a.txt"), "application/zip"),
        (samples.archive("[Content_Types].xml", "word/document.xml"), OOXML),
        (samples.EXE, "application/x-msdownload"),
        (samples.TEXT, None),
        (samples.HTML, None),
        (b"\x00", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_shows_its_type(data: bytes, type_: str | None, tmp_path: Path) -> None:
    assert look(written(tmp_path, data)).type == type_


@pytest.mark.parametrize(("format_", "type_"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_a_picture_may_go(format_: str, type_: str, tmp_path: Path) -> None:
    check_picture(written(tmp_path, samples.picture(format_)), type_)


@pytest.mark.parametrize("size", [(65_500, 65_500), (2**31 - 1, 1), (12_001, 10_000)])
def test_a_picture_with_too_many_pixels_is_refused_unopened(size: tuple[int, int], tmp_path: Path) -> None:
    assert size[0] * size[1] > MOST_PIXELS
    with pytest.raises(MediaRefused, match="pixels"):
        check_picture(written(tmp_path, samples.bomb(*size)), "image/png")


def test_as_many_as_a_phone_takes_are_not_too_many(tmp_path: Path) -> None:
    check_picture(written(tmp_path, samples.bomb(12_000, 9_000)), "image/png")


@pytest.mark.parametrize("type_", ["image/png", "image/jpeg", "image/webp"])
@pytest.mark.parametrize("keep", [3, 20, 30])
def test_a_picture_that_ends_in_its_head_is_refused(type_: str, keep: int, tmp_path: Path) -> None:
    data = samples.picture(type_.partition("/")[2].upper())[:keep]

    with pytest.raises(MediaRefused, match="damaged"):
        check_picture(written(tmp_path, data), type_)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path
