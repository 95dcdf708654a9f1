from __future__ import annotations

from datetime import UTC, datetime

from talkabiz.domain.klien import Klien
from talkabiz.store import models
from talkabiz.store.database import transaction


async def add(nama: str) -> Klien:
    now = datetime.now(UTC)
    async with transaction():
        return _klien(await models.Klien.create(nama=nama, created_at=now, updated_at=now))


async def find(klien_id: int) -> Klien | None:
    row = await models.Klien.get_or_none(id=klien_id)
    return _klien(row) if row else None


async def page(after: int, limit: int) -> list[Klien]:
    """Those whose id is above `after`, by id."""
    return [_klien(row) for row in await models.Klien.filter(id__gt=after).order_by("id").limit(limit)]


async def rename(klien_id: int, nama: str) -> Klien | None:
    """The klien by its new name. None: there is no such klien."""
    async with transaction():
        await models.Klien.filter(id=klien_id).update(nama=nama, updated_at=datetime.now(UTC))
        return await find(klien_id)


async def erase(klien_id: int) -> bool:
    """With its session, events and keys; its id isn't given to anybody again. False: there was no such klien."""
    async with transaction():
        return await models.Klien.filter(id=klien_id).delete() > 0


async def count() -> int:
    return await models.Klien.all().count()


def _klien(row: models.Klien) -> Klien:
    return Klien(row.id, row.nama, row.wa_terhubung, row.wa_nomor, row.created_at)
