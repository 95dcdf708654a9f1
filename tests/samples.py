"""Small files of many types: some written out here, some made by real programs."""

from __future__ import annotations

import io
import struct
import subprocess
import zipfile
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg
from PIL import Image

RATE = 48_000
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
TEXT = b"Halo, apa kabar?\n"
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
EXE = b"MZ\x90\x00" + bytes(200)

_TONE = ("-f", "lavfi", "-i", "sine=440:duration=2")
_PATTERN = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=1")
_RECIPES: dict[str, tuple[str, ...]] = {
    "tone.mp3": _TONE,
    "bare.mp3": (*_TONE, "-id3v2_version", "0", "-write_xing", "0"),
    "tone.m4a": _TONE,
    "tone.aac": _TONE,
    "tone.wav": _TONE,
    "tone.flac": _TONE,
    "opus.ogg": (*_TONE, "-c:a", "libopus"),
    "vorbis.ogg": (*_TONE, "-c:a", "libvorbis"),
    "tone.amr": (*_TONE, "-ar", "8000", "-ac", "1", "-c:a", "libopencore_amrnb"),
    "tone.webm": (*_TONE, "-c:a", "libopus"),
    "tone.mp4": (*_TONE, "-c:a", "aac"),
    "silent.mp4": (*_PATTERN, "-pix_fmt", "yuv420p"),
    "silent.3gp": (*_PATTERN, "-s", "176x144", "-c:v", "mpeg4"),
    "silent.mov": _PATTERN,
    "silent.webm": _PATTERN,
    "silent.mkv": _PATTERN,
    "silent.ogv": (*_PATTERN, "-c:v", "libtheora"),
}


def ffmpeg() -> str:
    """The one that a package for tests carries, so that there is one everywhere."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


@cache
def recorded(name: str) -> bytes:
    """A second or two of a tone or of a test picture, by the real encoder; the name says in what."""
    with TemporaryDirectory() as folder:
        target = Path(folder, name)
        words = [ffmpeg(), "-v", "error", "-nostdin", "-threads", "1", *_RECIPES[name], "-y", str(target)]
        subprocess.run(words, check=True, timeout=60)
        return target.read_bytes()


@cache
def picture(format_: str, size: tuple[int, int] = (8, 8)) -> bytes:
    """`format_`: as Pillow calls it."""
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, format_)
    return stream.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is as large as that, in a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")
    )


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in names:
            file.writestr(name, "<x/>")
    return stream.getvalue()


def ogg(
    packet: bytes = b"", *, position: int = 2 * RATE, pre_skip: int = 312, serial: int = 7, flags: int = 2
) -> bytes:
    """Two pages as of an OGG file with Opus; `packet` in place of the head of Opus."""
    head = packet or b"OpusHead" + struct.pack("<BBHIhB", 1, 1, pre_skip, RATE, 0, 0)
    return _page(flags, 0, serial, 0, head) + _page(4, position, serial, 1, b"\xf8\xff\xfe")


def _page(flags: int, position: int, serial: int, number: int, packet: bytes) -> bytes:
    return struct.pack("<4sBBqLLLBB", b"OggS", 0, flags, position, serial, number, 0, 1, len(packet)) + packet
