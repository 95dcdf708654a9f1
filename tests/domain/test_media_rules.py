"""Which file goes as which kind of message, and what it is called."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain import media_errors
from talkabiz.domain.content import MEDIA, Kind
from talkabiz.domain.errors import TalkabizError
from talkabiz.domain.media_errors import MediaRefused, MediaTooLarge
from talkabiz.domain.media_rules import (
    LONGEST_FILENAME,
    MB,
    MOST_BYTES,
    OPUS,
    UNKNOWN,
    Seen,
    check_size,
    clean_filename,
    heard_type,
    needs_converting,
    read_type,
    type_of,
)

VOICE = Seen("audio/ogg", is_opus=True, seconds=2)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS = "application/vnd.ms-excel"


def test_every_kind_with_a_file_has_a_size() -> None:
    assert set(MOST_BYTES) == {*MEDIA, None}
    assert {kind: most // MB for kind, most in MOST_BYTES.items()} == {
        Kind.IMAGE: 16,
        Kind.VIDEO: 64,
        Kind.AUDIO: 64,
        Kind.VOICE: 64,
        Kind.DOCUMENT: 100,
        Kind.STICKER: 1,
        None: 100,
    }


@pytest.mark.parametrize("kind", [*sorted(MEDIA), None])
def test_a_file_may_be_as_large_as_that_and_no_larger(kind: Kind | None) -> None:
    check_size(1, kind)
    check_size(MOST_BYTES[kind], kind)
    with pytest.raises(MediaTooLarge, match=f"{MOST_BYTES[kind] // MB} MB"):
        check_size(MOST_BYTES[kind] + 1, kind)
    with pytest.raises(MediaRefused):
        check_size(0, kind)


@pytest.mark.parametrize(
    ("kind", "seen", "declared", "type_"),
    [
        (Kind.IMAGE, Seen("image/jpeg"), None, "image/jpeg"),
        (Kind.IMAGE, Seen("image/png"), "image/jpeg", "image/png"),
        (Kind.IMAGE, Seen("image/png"), "IMAGE/PNG; x=y", "image/png"),
        (Kind.IMAGE, Seen("image/png"), UNKNOWN, "image/png"),
        (Kind.IMAGE, Seen("image/png"), "nonsense", "image/png"),
        (Kind.VIDEO, Seen("video/mp4"), None, "video/mp4"),
        (Kind.VIDEO, Seen("video/3gpp"), "video/mp4", "video/3gpp"),
        (Kind.AUDIO, Seen("audio/mpeg"), "audio/mp3", "audio/mpeg"),
        (Kind.AUDIO, Seen("video/mp4"), "audio/mp4", "audio/mp4"),
        (Kind.AUDIO, Seen("video/mp4"), "audio/x-m4a", "audio/mp4"),
        (Kind.AUDIO, VOICE, "audio/ogg", OPUS),
        (Kind.VOICE, VOICE, "audio/ogg; codecs=opus", OPUS),
        (Kind.VOICE, VOICE, "audio/opus", OPUS),
        (Kind.STICKER, Seen("image/webp"), None, "image/webp"),
        (Kind.DOCUMENT, Seen("application/pdf"), "application/x-pdf", "application/pdf"),
        (Kind.DOCUMENT, Seen("application/pdf"), None, "application/pdf"),
        (Kind.DOCUMENT, Seen("application/zip"), DOCX, DOCX),
        (Kind.DOCUMENT, Seen("application/msword"), XLS, XLS),
        (Kind.DOCUMENT, Seen(XLSX), XLS, XLSX),
        (Kind.DOCUMENT, Seen("application/x-rar-compressed"), "application/vnd.rar", "application/x-rar-compressed"),
        (Kind.DOCUMENT, Seen("application/rtf"), "text/rtf", "application/rtf"),
        (Kind.DOCUMENT, Seen("application/font-woff"), "font/woff", "application/font-woff"),
        (Kind.DOCUMENT, Seen("application/pdf"), "application/binary", "application/pdf"),
        (Kind.DOCUMENT, Seen("application/x-msdownload"), "application/x-msdos-program", "application/x-msdownload"),
        (Kind.DOCUMENT, Seen("application/x-msdownload"), "application/pdf", "application/x-msdownload"),
        (Kind.DOCUMENT, Seen("application/x-msdownload"), "text/plain", "application/x-msdownload"),
        (Kind.DOCUMENT, Seen("application/zip"), "application/pdf", "application/zip"),
        (Kind.DOCUMENT, Seen("application/gzip"), "application/zip", "application/gzip"),
        (Kind.DOCUMENT, Seen("image/tiff"), None, "image/tiff"),
        (Kind.DOCUMENT, Seen(None), "text/csv", "text/csv"),
        (Kind.DOCUMENT, Seen(None), None, UNKNOWN),
        (None, Seen("application/x-rar-compressed"), "application/vnd.rar", "application/x-rar-compressed"),
        (None, Seen("image/png"), None, "image/png"),
        (None, VOICE, None, OPUS),
        (None, Seen(None), "text/html", "text/html"),
    ],
)
def test_a_file_goes_by_what_it_shows_and_else_by_what_was_declared(
    kind: Kind | None, seen: Seen, declared: str | None, type_: str
) -> None:
    assert type_of(kind, seen, declared) == type_


@pytest.mark.parametrize(
    ("kind", "seen", "declared"),
    [
        (Kind.IMAGE, Seen("image/gif"), None),
        (Kind.IMAGE, Seen("image/webp"), "image/jpeg"),
        (Kind.IMAGE, Seen(None), "image/png"),
        (Kind.IMAGE, Seen("image/png"), "text/html"),
        (Kind.IMAGE, Seen("image/png"), "application/pdf"),
        (Kind.IMAGE, Seen("application/pdf"), "image/png"),
        (Kind.VIDEO, Seen("video/webm"), None),
        (Kind.VIDEO, Seen("audio/mpeg"), "video/mp4"),
        (Kind.AUDIO, Seen("audio/ogg"), None),
        (Kind.AUDIO, Seen("video/mp4"), None),
        (Kind.VOICE, Seen("application/pdf"), None),
        (Kind.VOICE, Seen(None), "audio/ogg; codecs=opus"),
        (Kind.STICKER, Seen("image/png"), None),
        (Kind.DOCUMENT, Seen("application/x-msdownload"), "image/png"),
        (Kind.DOCUMENT, Seen("application/zip"), "image/png"),
        (Kind.DOCUMENT, Seen("application/pdf"), "video/mp4"),
        (Kind.DOCUMENT, Seen("audio/mpeg"), "application/pdf"),
        (Kind.DOCUMENT, Seen("image/png"), DOCX),
        (Kind.STICKER, Seen("application/zip"), "application/pdf"),
        (Kind.IMAGE, Seen("application/x-rar-compressed"), "application/vnd.rar"),
        (None, Seen("image/png"), "video/mp4"),
        (None, Seen("application/x-msdownload"), "image/png"),
    ],
)
def test_a_file_of_another_type_is_refused(kind: Kind | None, seen: Seen, declared: str | None) -> None:
    with pytest.raises(MediaRefused):
        type_of(kind, seen, declared)


def test_only_other_sound_has_to_be_converted_for_a_voice() -> None:
    assert needs_converting(Kind.VOICE, Seen("audio/mpeg"))
    assert needs_converting(Kind.VOICE, Seen("audio/ogg"))
    assert needs_converting(Kind.VOICE, Seen("video/mp4"))
    assert not needs_converting(Kind.VOICE, VOICE)
    assert not needs_converting(Kind.VOICE, Seen("image/png"))
    assert not needs_converting(Kind.VOICE, Seen(None))
    assert not needs_converting(Kind.AUDIO, Seen("audio/mpeg"))


def test_what_was_sent_to_us_is_never_refused() -> None:
    assert heard_type(Seen("image/png"), "image/jpeg") == "image/png"
    assert heard_type(Seen("application/x-msdownload"), "image/jpeg") == "application/x-msdownload"
    assert heard_type(Seen("application/zip"), "application/pdf") == "application/zip"
    assert heard_type(Seen(None), "application/vnd.x") == "application/vnd.x"
    assert heard_type(Seen(None), "") == UNKNOWN
    assert heard_type(VOICE, "text/html") == OPUS


@pytest.mark.parametrize(
    "declared", [None, "", "x", "/", "a/", "/b", "a/b/c", "a b/c", "a/b\r\n", "a/" + "b" * 200, "ä/b"]
)
def test_what_says_no_type_says_nothing(declared: str | None) -> None:
    assert read_type(declared) in {None, "a/b"}
    assert read_type(declared) is None or declared == "a/b\r\n"


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("struk.pdf", "struk.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\sari\\foto.jpg", "foto.jpg"),
        ("a\r\nContent-Type: x.pdf", "a Content-Type: x.pdf"),
        ("exe\u202efdp.exe", "exefdp.exe"),
        (".htaccess", "htaccess"),
        ("  laporan  akhir .pdf", "laporan akhir .pdf"),
        ("tanpa-akhiran", "tanpa-akhiran"),
        ("/", None),
        ("..", None),
        ("\x00\u200b", None),
        ("", None),
        (None, None),
    ],
)
def test_a_file_s_name_is_cleaned(name: str | None, cleaned: str | None) -> None:
    assert clean_filename(name) == cleaned


def test_a_long_name_keeps_its_ending() -> None:
    assert (clean_filename("a" * 500 + ".pdf") or "").endswith("aaa.pdf")
    assert len(clean_filename("a" * 500 + ".pdf") or "") == LONGEST_FILENAME
    assert len(clean_filename("a." + "b" * 500) or "") <= LONGEST_FILENAME


@given(st.text(max_size=300))
def test_no_name_leads_anywhere(name: str) -> None:
    cleaned = clean_filename(name)
    assert cleaned is None or (len(cleaned) <= LONGEST_FILENAME and min(cleaned) >= " ")
    assert cleaned is None or not (set(cleaned) & {"/", "\\", "\x00"} or cleaned.startswith("."))


def test_each_error_has_its_code_and_both_sentences() -> None:
    found = [value for value in vars(media_errors).values() if isinstance(value, type)]
    kinds = [each for each in found if issubclass(each, TalkabizError) and each.__module__ == media_errors.__name__]

    assert {kind.code for kind in kinds} == {
        *("url_refused", "url_unreachable", "url_too_large", "url_timeout", "url_bad_type"),
        *("media_refused", "media_too_large", "media_gone", "media_not_stored", "voice_needs_ffmpeg"),
    }
    for kind in kinds:
        assert kind().message.id != kind().message.en
