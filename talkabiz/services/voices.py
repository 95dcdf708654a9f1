"""Voice messages out of other recordings, by ffmpeg: a program of its own, which reads what strangers made."""

from __future__ import annotations

import asyncio
import resource
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from talkabiz.domain.errors import Sentence
from talkabiz.domain.media_errors import MediaRefused, VoiceNeedsFfmpeg
from talkabiz.domain.media_rules import MB

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 2
SECONDS = 60.0
MOST_BYTES = 16 * MB
"""Of a voice message: over an hour. What is longer is cut off."""
MOST_MEMORY = 2048 * MB
LONGEST_COMPLAINT = 500

# A reader for each type, named to ffmpeg, which would else choose by the content: one of its readers opens other files.
_READERS = {
    "audio/mpeg": "mp3",
    "audio/mp4": "mov",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/ogg": "ogg",
    "audio/x-wav": "wav",
    "audio/x-flac": "flac",
    "audio/x-aiff": "aiff",
    "video/mp4": "mov",
    "video/3gpp": "mov",
    "video/quicktime": "mov",
    "video/x-m4v": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
}


class Voices:
    """`find` says where ffmpeg is, each time: it may be installed while we run."""

    def __init__(
        self, find: Callable[[], str | None] = lambda: shutil.which("ffmpeg"), seconds: float = SECONDS
    ) -> None:
        self._find = find
        self._seconds = seconds
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def convert(self, source: Path, type_: str, target: Path) -> None:
        """The sound of `source`, of that type, as OGG with Opus, into `target`, which exists. Paths are ours.

        Raises:
            VoiceNeedsFfmpeg: there is none, or it can't be started.
            MediaRefused: it can't be read, has no sound, or took too long.
        """
        if type_ not in _READERS:
            raise MediaRefused(_UNREADABLE)
        if (program := self._find()) is None:
            raise VoiceNeedsFfmpeg
        async with self._places:
            code, complaint = await self._run([program, *_arguments(source, _READERS[type_], target)])
        if code != 0:
            log.info("voice_not_converted", type=type_, code=code, why=complaint)
            raise MediaRefused(_UNREADABLE)

    async def _run(self, words: list[str]) -> tuple[int, str]:
        """How it ended and the beginning of what it complained of. It is gone when this returns, or raises."""
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={},  # none of our secrets
                cwd="/",
            )
        except OSError as error:
            log.warning("ffmpeg_not_started", why=str(error))
            raise VoiceNeedsFfmpeg from error
        try:
            _confine(process.pid)
            async with asyncio.timeout(self._seconds):
                complaint = await _beginning(process.stderr)
                return await process.wait(), complaint
        except TimeoutError:
            raise MediaRefused(_TOO_LONG) from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _arguments(source: Path, reader: str, target: Path) -> list[str]:
    return [
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"),
        *("-protocol_whitelist", "file", "-f", reader, "-i", f"file:{source}"),
        *("-map", "0:a:0", "-map_metadata", "-1", "-map_chapters", "-1", "-threads", "1"),
        *("-c:a", "libopus", "-b:a", "32k", "-ac", "1", "-ar", "48000", "-application", "voip"),
        *("-fs", str(MOST_BYTES), "-f", "ogg", "-y", f"file:{target}"),
    ]


def _confine(pid: int) -> None:
    """Where the system can: macOS has no such call."""
    if hasattr(resource, "prlimit"):
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (2 * MOST_BYTES, 2 * MOST_BYTES))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


async def _beginning(stream: asyncio.StreamReader | None) -> str:
    """Read to the end, or its writer would wait for us; kept as far as a log needs it."""
    kept = b""
    while stream and (piece := await stream.read(4096)):
        kept = (kept + piece)[:LONGEST_COMPLAINT]
    return kept.decode(errors="replace")


_UNREADABLE = Sentence(
    "Berkas itu tidak dapat diubah menjadi pesan suara.", "That file can't be made into a voice message."
)
_TOO_LONG = Sentence(
    "Mengubah berkas itu menjadi pesan suara terlalu lama.", "Making that file into a voice message took too long."
)
