from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from talkabiz.domain.klien import Klien
from talkabiz.store import kliens
from talkabiz.store.database import close_database, migrate, open_database

NOW = datetime(2026, 11, 24, 3, 4, 5, 123456, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/talkabiz.db"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Up to date, without a row, closed: to be copied, because making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("store") / "talkabiz.db"
    asyncio.run(migrate(f"sqlite://{path}"))
    return path


@pytest.fixture
async def database(url: str, empty_database: Path) -> AsyncIterator[str]:
    """The URL of a database that is up to date and open."""
    shutil.copy(empty_database, url.removeprefix("sqlite://"))
    await open_database(url)
    yield url
    async with asyncio.timeout(10):  # it waits for transactions: one that never ends is a failure, not a hang
        await close_database()


@pytest.fixture
async def klien(database: str) -> Klien:
    return await kliens.add("Toko Sinar")
