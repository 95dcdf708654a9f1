"""EDGE: the phone network. The only room that runs the WhatsApp library."""

from __future__ import annotations
