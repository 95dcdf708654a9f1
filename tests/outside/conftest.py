from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from tests.outside.server import NAME, Server, certificate


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    assert context.verify_mode is ssl.CERT_REQUIRED
    return context


@pytest.fixture
async def server(authority: trustme.CA) -> AsyncIterator[Server]:
    async with Server().running(certificate(authority, NAME)) as server:
        yield server


@pytest.fixture
async def plain_server() -> AsyncIterator[Server]:
    async with Server().running(None) as server:
        yield server
