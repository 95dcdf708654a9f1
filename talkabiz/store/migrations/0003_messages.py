from __future__ import annotations

from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("talkabiz", "0002_access")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Heard",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="heard",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("number", fields.IntField()),
                ("data", fields.BinaryField()),
                ("tries", fields.IntField(default=0)),
                ("error", fields.TextField(null=True, unique=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "heard",
                "app": "talkabiz",
                "indexes": [Index(fields=["tries", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Media",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="media",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("path", fields.CharField(null=True, max_length=120)),
                ("status", fields.CharField(max_length=16)),
                ("mimetype", fields.CharField(max_length=120)),
                ("filename", fields.TextField(null=True, unique=False)),
                ("size", fields.BigIntField(null=True)),
                ("sha256", fields.CharField(null=True, max_length=64)),
                ("seconds", fields.IntField(null=True)),
                ("error", fields.CharField(null=True, max_length=64)),
                ("source", fields.BinaryField(null=True)),
                ("tries", fields.IntField(default=0)),
                ("retry_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "media",
                "app": "talkabiz",
                "indexes": [Index(fields=["status", "retry_at"]), Index(fields=["status", "expires_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Pace",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.OneToOneField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="pace",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("settings", fields.JSONField(encoder=dumps, decoder=loads)),
                ("paused_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("pause_reason", fields.CharField(null=True, max_length=64)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "paces", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Party",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="parties",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("jid", fields.CharField(max_length=80)),
                ("phone", fields.CharField(null=True, max_length=32)),
                ("lid", fields.CharField(null=True, max_length=80)),
                ("name", fields.TextField(null=True, unique=False)),
                ("on_whatsapp", fields.BooleanField(null=True)),
                ("checked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_message_id", fields.BigIntField(null=True)),
                ("last_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("unread", fields.IntField(default=0)),
                ("members", fields.IntField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "parties",
                "app": "talkabiz",
                "unique_together": (("klien", "jid"), ("klien", "phone"), ("klien", "lid")),
                "indexes": [Index(fields=["klien_id", "last_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Message",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="messages",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "chat",
                    fields.ForeignKeyField(
                        "talkabiz.Party",
                        source_field="chat_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="messages",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("sender_id", fields.BigIntField(null=True)),
                ("direction", fields.CharField(max_length=3)),
                ("source", fields.CharField(max_length=8)),
                ("wa_id", fields.CharField(null=True, max_length=80)),
                ("type", fields.CharField(max_length=16)),
                ("text", fields.TextField(null=True, unique=False)),
                ("content", fields.JSONField(encoder=dumps, decoder=loads)),
                ("media_id", fields.BigIntField(null=True)),
                ("reply_to", fields.CharField(null=True, max_length=80)),
                ("mentions", fields.JSONField(encoder=dumps, decoder=loads)),
                ("status", fields.CharField(max_length=16)),
                ("status_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("error", fields.CharField(null=True, max_length=64)),
                ("tries", fields.IntField(default=0)),
                ("send_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("sending_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("sent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("edited_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("key", fields.CharField(null=True, max_length=255)),
                ("fingerprint", fields.CharField(null=True, max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "messages",
                "app": "talkabiz",
                "unique_together": (("klien", "key"), ("chat", "wa_id")),
                "indexes": [
                    Index(fields=["klien_id", "id"]),
                    Index(fields=["chat_id", "id"]),
                    Index(fields=["klien_id", "status", "due_at"]),
                    Index(fields=["klien_id", "status", "expires_at"]),
                    Index(fields=["klien_id", "sent_at"]),
                    Index(fields=["media_id"]),
                    Index(fields=["sender_id"]),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Receipt",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="receipts",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "chat",
                    fields.ForeignKeyField(
                        "talkabiz.Party",
                        source_field="chat_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="receipts",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("party_id", fields.BigIntField()),
                ("wa_id", fields.CharField(max_length=80)),
                ("delivered_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("read_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("played_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "receipts",
                "app": "talkabiz",
                "unique_together": (("chat", "wa_id", "party_id"),),
                "indexes": [Index(fields=["party_id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
    ]
