"""The tables of webhooks: columns and indexes, no behaviour; as `talkabiz.store.models`."""

from __future__ import annotations

import json

from tortoise import fields
from tortoise.models import Model

from talkabiz.store.models import Klien


# Whom a klien's events are sent to. Secrets are sealed; the older kind has none, but its klien's incoming one. `told`:
# the connection that one of the older kind was told last. `since_id`: a place in the journal.
class Webhook(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.ForeignKeyRelation[Klien] = fields.ForeignKeyField("talkabiz.Klien", related_name="webhooks")
    klien_id: int
    kind = fields.CharField(max_length=16)
    url = fields.TextField()
    label = fields.TextField()
    events: fields.JSONField[list[str]] = fields.JSONField(encoder=json.dumps, decoder=json.loads, null=True)
    secret = fields.BinaryField(null=True)
    previous_secret = fields.BinaryField(null=True)
    previous_until = fields.DatetimeField(null=True)
    status = fields.CharField(max_length=16)
    disabled_reason = fields.CharField(max_length=16, null=True)
    disabled_at = fields.DatetimeField(null=True)
    failing_since = fields.DatetimeField(null=True)
    failures = fields.IntField(default=0)
    since_id = fields.BigIntField()
    told = fields.TextField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "webhooks"
        indexes = (("klien_id", "status"),)


# What is sent, once for all endpoints of a kind; the bytes never change. Without `journal_id` it is no event of the
# journal, and its `seq` repeats the last one's.
class WebhookEvent(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.ForeignKeyRelation[Klien] = fields.ForeignKeyField("talkabiz.Klien", related_name="webhook_events")
    klien_id: int
    public_id = fields.CharField(max_length=64, unique=True)
    journal_id = fields.BigIntField(null=True)
    seq = fields.BigIntField()
    type = fields.CharField(max_length=32)
    kind = fields.CharField(max_length=16)
    body = fields.BinaryField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "webhook_events"
        unique_together = (("klien", "journal_id", "kind"),)
        indexes = (("klien_id", "seq"),)


# One event for one endpoint. `next_at` is null once it has ended. `klien_id` is no foreign key: both that it goes with
# are its klien's, and each index is another write.
class Delivery(Model):
    id = fields.BigIntField(primary_key=True)
    klien_id = fields.BigIntField()
    webhook: fields.ForeignKeyRelation[Webhook] = fields.ForeignKeyField("talkabiz.Webhook", related_name="deliveries")
    webhook_id: int
    event: fields.ForeignKeyRelation[WebhookEvent] = fields.ForeignKeyField(
        "talkabiz.WebhookEvent", related_name="deliveries"
    )
    event_id: int
    status = fields.CharField(max_length=16)
    tries = fields.IntField(default=0)
    next_at = fields.DatetimeField(null=True)
    is_replay = fields.BooleanField(default=False)
    last_status = fields.IntField(null=True)
    last_error = fields.CharField(max_length=64, null=True)
    ended_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "deliveries"
        unique_together = (("event", "webhook"),)
        indexes = (("webhook_id", "status", "id"), ("status", "webhook_id", "next_at"))


class Attempt(Model):
    id = fields.BigIntField(primary_key=True)
    delivery: fields.ForeignKeyRelation[Delivery] = fields.ForeignKeyField("talkabiz.Delivery", related_name="attempts")
    delivery_id: int
    number = fields.IntField()
    at = fields.DatetimeField()
    status = fields.IntField(null=True)
    error = fields.CharField(max_length=64, null=True)
    latency_ms = fields.IntField()
    response = fields.TextField()

    class Meta:
        table = "attempts"
        unique_together = (("delivery", "number"),)


# How far the journal has been made into deliveries: one row, whose id is 1.
class WebhookCursor(Model):
    id = fields.BigIntField(primary_key=True)
    journal_id = fields.BigIntField()

    class Meta:
        table = "webhook_cursor"
