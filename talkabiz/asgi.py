"""For an ASGI server of your own: `hypercorn 'talkabiz.asgi:create_app()'`."""

from __future__ import annotations

from talkabiz.bootstrap import create_app

__all__ = ["create_app"]
