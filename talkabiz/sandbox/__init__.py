"""The other side of the wire: a WhatsApp on loopback, with virtual phones, spoken to by the unmodified library."""

from __future__ import annotations
