"""For other people's tests: a pytest plugin with a loopback WhatsApp and virtual phones. docs/sandbox.md shows it."""

from __future__ import annotations
