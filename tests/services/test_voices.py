"""Voice messages by ffmpeg: a real one, and programs in its place that misbehave."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from talkabiz.domain.media_errors import MediaRefused, VoiceNeedsFfmpeg
from talkabiz.domain.media_rules import MB
from talkabiz.services.media_looks import look
from talkabiz.services.voices import MOST_BYTES, Voices
from tests import samples

Make = Callable[[bytes], tuple[Path, Path]]


@pytest.fixture(name="make")
def _make(tmp_path: Path) -> Make:
    """A source with this content, and an empty target."""

    def make(data: bytes) -> tuple[Path, Path]:
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(data)
        target.touch(0o600)
        return source, target

    return make


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("tone.mp3", "audio/mpeg"),
        ("tone.m4a", "audio/mp4"),
        ("tone.aac", "audio/aac"),
        ("tone.amr", "audio/amr"),
        ("tone.wav", "audio/x-wav"),
        ("tone.flac", "audio/x-flac"),
        ("tone.webm", "video/webm"),
        ("tone.mp4", "video/mp4"),
        ("vorbis.ogg", "audio/ogg"),
    ],
)
async def test_a_recording_becomes_a_voice(make: Make, name: str, type_: str) -> None:
    source, target = make(samples.recorded(name))

    await Voices(samples.ffmpeg).convert(source, type_, target)

    seen = look(target)
    assert seen.is_opus
    assert seen.seconds in {2, 3}
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_size < 20_000


@pytest.mark.parametrize(
    ("name", "type_"), [("silent.mp4", "video/mp4"), ("tone.mp3", "audio/x-wav"), ("tone.mp3", "application/pdf")]
)
async def test_what_holds_no_sound_is_refused(make: Make, name: str, type_: str) -> None:
    source, target = make(samples.recorded(name))

    with pytest.raises(MediaRefused):
        await Voices(samples.ffmpeg).convert(source, type_, target)


@pytest.mark.parametrize("type_", ["audio/mpeg", "audio/mp4", "audio/ogg", "audio/x-wav", "video/webm", "audio/aac"])
async def test_a_list_of_other_files_opens_none_of_them(make: Make, tmp_path: Path, type_: str) -> None:
    """ffmpeg, left to choose, would read the other file into the voice: somebody else's."""
    (tmp_path / "secret.ogg").write_bytes(samples.recorded("opus.ogg"))
    source, target = make(b"ffconcat version 1.0\nfile secret.ogg\n")

    with pytest.raises(MediaRefused):
        await Voices(samples.ffmpeg).convert(source, type_, target)

    assert not look(target).is_opus


async def test_without_ffmpeg_that_is_said(make: Make) -> None:
    source, target = make(samples.recorded("tone.mp3"))

    with pytest.raises(VoiceNeedsFfmpeg, match="ffmpeg"):
        await Voices(lambda: None).convert(source, "audio/mpeg", target)


async def test_ffmpeg_is_found_once_it_is_installed(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = make(samples.recorded("tone.mp3"))
    monkeypatch.setenv("PATH", str(tmp_path))
    voices = Voices()
    with pytest.raises(VoiceNeedsFfmpeg):
        await voices.convert(source, "audio/mpeg", target)

    (tmp_path / "ffmpeg").symlink_to(samples.ffmpeg())
    await voices.convert(source, "audio/mpeg", target)

    assert look(target).is_opus


async def test_an_ffmpeg_that_can_t_be_started_is_as_good_as_none(make: Make, tmp_path: Path) -> None:
    source, target = make(samples.recorded("tone.mp3"))
    (tmp_path / "broken").write_bytes(b"\x7fELF")
    (tmp_path / "broken").chmod(0o700)

    for program in ("broken", "missing"):
        with pytest.raises(VoiceNeedsFfmpeg):
            await Voices(partial(str, tmp_path / program)).convert(source, "audio/mpeg", target)


# --- programs that misbehave ------------------------------------------------------------------------------------------


@pytest.fixture(name="program")
def _program(tmp_path: Path) -> Callable[[str], Callable[[], str]]:
    """Something that is called as ffmpeg is; `words` are what it was told."""

    def program(body: str) -> Callable[[], str]:
        path = tmp_path / "program"
        path.write_text(f"#!{sys.executable} -I\nimport json, os, sys, time\nwords = sys.argv[1:]\n{body}\n")
        path.chmod(0o700)
        return lambda: str(path)

    return program


async def test_it_is_told_where_and_nothing_else(
    make: Make, program: Callable[[str], Callable[[], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No shell, no secret, no line of input, not our directory."""
    monkeypatch.setenv("TALKABIZ_API_KEY", "very-secret")
    told = "[words, dict(os.environ), os.getcwd(), sys.stdin.read()]"
    source, target = make(b"x")

    await Voices(program(f"open(words[-1][5:], 'w').write(json.dumps({told}))")).convert(source, "audio/mpeg", target)

    words, environment, folder, line = json.loads(target.read_text())
    assert [words[words.index("-i") + 1], words[-1]] == [f"file:{source}", f"file:{target}"]
    assert "very-secret" not in json.dumps(environment)
    assert set(environment) <= {"LC_CTYPE"}  # Python's own doing
    assert (folder, line) == ("/", "")


async def test_one_that_hangs_is_ended(make: Make, program: Callable[[str], Callable[[], str]], tmp_path: Path) -> None:
    note = tmp_path / "pid"
    source, target = make(b"x")
    voices = Voices(program(f"open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"), seconds=1)
    begun = time.monotonic()

    with pytest.raises(MediaRefused, match="too long"):
        await voices.convert(source, "audio/mpeg", target)

    assert time.monotonic() - begun < 10
    assert not Path("/proc", note.read_text()).exists()


async def test_one_that_complains_without_end_holds_nothing_up(
    make: Make, program: Callable[[str], Callable[[], str]]
) -> None:
    source, target = make(b"x")

    with pytest.raises(MediaRefused):
        await Voices(program("sys.stderr.write('no!' * 1_000_000); sys.exit(3)")).convert(source, "audio/mpeg", target)


async def test_one_that_writes_without_end_is_stopped(make: Make, program: Callable[[str], Callable[[], str]]) -> None:
    source, target = make(b"x")
    endless = "time.sleep(0.2)\nwith open(words[-1][5:], 'wb') as file:\n    while True: file.write(bytes(1 << 20))"

    with pytest.raises(MediaRefused):
        await Voices(program(endless), seconds=20).convert(source, "audio/mpeg", target)

    assert target.stat().st_size <= 2 * MOST_BYTES + MB
