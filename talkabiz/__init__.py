"""Talkabiz, a WhatsApp gateway for a business that serves many customers. Importing this package does nothing."""

from __future__ import annotations

__version__ = "0.1.0"
