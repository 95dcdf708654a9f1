"""The fixtures, for pytest (entry point `talkabiz`). A run that asks for none of them pays for this file alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from talkabiz.testing.loopback import WhatsAppSandbox
    from talkabiz.testing.phones import VirtualPhone


@pytest.fixture(scope="session")
def whatsapp_sandbox() -> Iterator[WhatsAppSandbox]:
    """A WhatsApp on loopback, for the whole run: one for each process of pytest-xdist."""
    from talkabiz.testing.loopback import WhatsAppSandbox  # noqa: PLC0415 - not before somebody asks for it

    sandbox = WhatsAppSandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def virtual_phone(whatsapp_sandbox: WhatsAppSandbox) -> Iterator[VirtualPhone]:
    """A phone with a number that no other test has. Faults are taken away when the test is over."""
    yield whatsapp_sandbox.phone()
    whatsapp_sandbox.clear()
