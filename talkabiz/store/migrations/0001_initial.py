from __future__ import annotations

from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Klien",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("nama", fields.TextField(unique=False)),
                ("wa_terhubung", fields.BooleanField(default=False)),
                ("wa_nomor", fields.CharField(null=True, max_length=32)),
                ("wa_lid", fields.CharField(null=True, max_length=64)),
                ("wa_nama", fields.TextField(null=True, unique=False)),
                ("seq", fields.BigIntField(default=0)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "kliens", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ApiKey",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("kind", fields.CharField(max_length=16)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        null=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="api_keys",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("scopes", fields.JSONField(encoder=dumps, decoder=loads)),
                ("label", fields.TextField(unique=False)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "api_keys", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="JournalEvent",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.ForeignKeyField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="events",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("seq", fields.BigIntField()),
                ("type", fields.CharField(max_length=64)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("data", fields.JSONField(encoder=dumps, decoder=loads)),
            ],
            options={
                "table": "journal_events",
                "app": "talkabiz",
                "unique_together": (("klien", "seq"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Login",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={"table": "logins", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LoginLink",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "login_links", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "klien",
                    fields.OneToOneField(
                        "talkabiz.Klien",
                        source_field="klien_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="session",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("session_id", fields.CharField(null=True, max_length=63)),
                ("status", fields.CharField(max_length=32)),
                ("reason", fields.CharField(null=True, max_length=32)),
                ("detail", fields.TextField(null=True, unique=False)),
                ("since", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("retry_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("device", fields.CharField(null=True, max_length=64)),
                ("me_phone", fields.CharField(null=True, db_index=True, max_length=32)),
                ("me_lid", fields.CharField(null=True, max_length=64)),
                ("me_name", fields.TextField(null=True, unique=False)),
                ("me_platform", fields.TextField(null=True, unique=False)),
                ("tries", fields.IntField(default=0)),
                ("replaced_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_active_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "sessions", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
    ]
