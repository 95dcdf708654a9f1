"""What became of deliveries, for whoever looks."""

from __future__ import annotations

from talkabiz.domain.webhooks import Attempt, Delivery, DeliveryStatus


async def page(
    klien_id: int, webhook_id: int, status: DeliveryStatus | None, before: int | None, limit: int
) -> list[Delivery]:
    """Those whose id is below `before`, the youngest first; None: from the youngest, of whatever status."""
    raise NotImplementedError


async def get(klien_id: int, delivery_id: int) -> Delivery | None:
    raise NotImplementedError


async def attempts_of(klien_id: int, delivery_id: int) -> list[Attempt]:
    """In their order, as far as they are kept."""
    raise NotImplementedError
