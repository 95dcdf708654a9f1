"""The house, asked through Quart's own test client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talkabiz.domain.limits import Limits
from tests.edges import Client, House, open_house
from tests.web.page import browser


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


@pytest.fixture(name="visitor")
async def _visitor(house: House) -> Client:
    """A browser without a login."""
    return browser(house)


@pytest.fixture(name="login")
async def _login(house: House) -> str:
    return await house.login()


@pytest.fixture(name="operator")
async def _operator(house: House, login: str) -> Client:
    """A browser with that login."""
    return browser(house, talkabiz_session=login)
