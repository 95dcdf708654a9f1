from __future__ import annotations

from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("talkabiz", "0003_messages")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Webhook",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="webhooks",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("kind", fields.CharField(max_length=16)),
                ("url", fields.TextField(unique=False)),
                ("label", fields.TextField(unique=False)),
                ("events", fields.JSONField(null=True, encoder=dumps, decoder=loads)),
                ("secret", fields.BinaryField(null=True)),
                ("previous_secret", fields.BinaryField(null=True)),
                ("previous_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("status", fields.CharField(max_length=16)),
                ("disabled_reason", fields.CharField(null=True, max_length=16)),
                ("disabled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("failing_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("failures", fields.IntField(default=0)),
                ("since_id", fields.BigIntField()),
                ("told", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "webhooks",
                "app": "talkabiz",
                "indexes": [Index(fields=["klien_id", "status"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookCursor",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("journal_id", fields.BigIntField()),
            ],
            options={"table": "webhook_cursor", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookEvent",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="webhook_events",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("public_id", fields.CharField(unique=True, max_length=64)),
                ("journal_id", fields.BigIntField(null=True)),
                ("seq", fields.BigIntField()),
                ("type", fields.CharField(max_length=32)),
                ("kind", fields.CharField(max_length=16)),
                ("body", fields.BinaryField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "webhook_events",
                "app": "talkabiz",
                "unique_together": (("klien", "journal_id", "kind"),),
                "indexes": [Index(fields=["klien_id", "seq"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Delivery",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("klien_id", fields.BigIntField()),
                (
                    "webhook",
                    fields.ForeignKeyField(
                        "talkabiz.Webhook",
                        source_field="webhook_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="deliveries",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "event",
                    fields.ForeignKeyField(
                        "talkabiz.WebhookEvent",
                        source_field="event_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="deliveries",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("status", fields.CharField(max_length=16)),
                ("tries", fields.IntField(default=0)),
                ("next_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("is_replay", fields.BooleanField(default=False)),
                ("last_status", fields.IntField(null=True)),
                ("last_error", fields.CharField(null=True, max_length=64)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "deliveries",
                "app": "talkabiz",
                "unique_together": (("event", "webhook"),),
                "indexes": [
                    Index(fields=["webhook_id", "status", "id"]),
                    Index(fields=["status", "webhook_id", "next_at"]),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Attempt",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "delivery",
                    fields.ForeignKeyField(
                        "talkabiz.Delivery",
                        source_field="delivery_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="attempts",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("number", fields.IntField()),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("status", fields.IntField(null=True)),
                ("error", fields.CharField(null=True, max_length=64)),
                ("latency_ms", fields.IntField()),
                ("response", fields.TextField(unique=False)),
            ],
            options={
                "table": "attempts",
                "app": "talkabiz",
                "unique_together": (("delivery", "number"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Klien",
            name="incoming_secret",
            field=fields.BinaryField(null=True),
        ),
    ]
