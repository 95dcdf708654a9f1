"""The house, asked through Quart's own test client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talkabiz.domain.limits import Limits
from tests.edges import Client, House, open_house


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, Limits(qr_request_seconds=0.05)) as house, house.app.test_app():
        yield house


@pytest.fixture(name="admin")
async def _admin(house: House) -> Client:
    return house.client()


@pytest.fixture(name="klien_id")
async def _klien_id(house: House) -> int:
    return await house.add_klien()
