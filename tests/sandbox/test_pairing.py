from __future__ import annotations

from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NewClient

NUMBER = "628123456789"


async def test_the_unmodified_library_pairs_by_qr_and_logs_in(sandbox: Sandbox, new_client: NewClient) -> None:
    sandbox.phones.add(NUMBER, "Toko Maju")
    client = new_client()
    client.start()

    device = await sandbox.phones.scan(NUMBER, await client.qr())

    assert (await client.event("PairStatus"))["ID"]["User"] == NUMBER
    assert await client.event("Connected")
    assert sandbox.online() == [device.jid]
