"""Hypercorn compresses WebSocket messages whenever a browser offers it, and has no setting for that.

Each direction of each socket would then keep a zlib window, about 300 KB a socket, for messages of 3 KB; and a QR would
share a compressed frame with names that strangers chose, whose lengths tell (BREACH).
"""

from __future__ import annotations

from wsproto.extensions import PerMessageDeflate


def leave_sockets_uncompressed() -> None:
    """For this process: as a server it takes no client up on its offer to compress."""
    PerMessageDeflate.accept = _decline  # type: ignore[assignment, method-assign] # replaced on purpose


def _decline(_extension: PerMessageDeflate, _offer: str) -> None:
    """What wsproto's own method answers to parameters that it can't agree to."""
