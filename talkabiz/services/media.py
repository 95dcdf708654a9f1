"""Files of messages: taken in, checked, kept under names of ours, handed out, and gone when their time is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from talkabiz.domain.content import Kind
from talkabiz.domain.message import MediaState


@dataclass(frozen=True, slots=True)
class Opened:
    """A file to be read. `path` isn't to be shown to anybody."""

    path: Path
    mimetype: str
    size: int
    sha256: str
    filename: str | None
    seconds: int | None


class MediaStore:
    """`kind` None: an upload whose use isn't known yet; `fit` decides when it is. `declared` is a MIME type."""

    async def add(
        self,
        klien_id: int,
        data: bytes | BinaryIO,
        *,
        kind: Kind | None = None,
        declared: str | None = None,
        filename: str | None = None,
    ) -> MediaState:
        """The file is on disk and its row is committed when this returns; what is read is `data` from where it stands.

        Raises:
            MediaRefused, MediaTooLarge, VoiceNeedsFfmpeg.
        """
        raise NotImplementedError

    async def from_base64(
        self,
        klien_id: int,
        text: str,
        *,
        kind: Kind | None = None,
        declared: str | None = None,
        filename: str | None = None,
    ) -> MediaState:
        """As `add`. InvalidInput: it isn't base64. A data URL counts for its bytes and its type."""
        raise NotImplementedError

    async def from_url(
        self, klien_id: int, url: str, *, kind: Kind | None = None, filename: str | None = None
    ) -> MediaState:
        """As `add`, or UrlRefused, UrlUnreachable, UrlTooLarge, UrlTimeout, UrlBadType. It takes 20 seconds at most."""
        raise NotImplementedError

    async def fit(self, klien_id: int, media_id: int, kind: Kind) -> MediaState:
        """That file for a message of this kind: itself, or (a voice that had to be converted) a new one.

        Raises:
            NotFound: there is none, or it is another klien's. MediaGone, and what `add` raises.
        """
        raise NotImplementedError

    async def open(self, klien_id: int, media_id: int) -> Opened:
        """Raises NotFound, and MediaGone where it isn't `stored`."""
        raise NotImplementedError

    async def read(self, klien_id: int, media_id: int) -> bytes:
        """All of it, for an upload to WhatsApp. Raises as `open`."""
        raise NotImplementedError

    def wake(self) -> None:
        """A row `pending` has been committed, or a session is connected: look now for what is to be fetched."""
        raise NotImplementedError

    async def forget_klien(self, klien_id: int) -> None:
        """Delete all files of a klien; its rows go with the klien's."""
        raise NotImplementedError
