from __future__ import annotations

from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("talkabiz", "0001_initial")]

    operations = [
        ops.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ("actor", fields.CharField(max_length=128)),
                ("address", fields.CharField(null=True, max_length=64)),
                ("action", fields.CharField(max_length=64)),
                ("klien_id", fields.BigIntField(null=True, db_index=True)),
                ("detail", fields.JSONField(encoder=dumps, decoder=loads)),
            ],
            options={"table": "audit_entries", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Hit",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("bucket", fields.CharField(max_length=160)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "limit_hits",
                "app": "talkabiz",
                "indexes": [Index(fields=["bucket", "at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Operator",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=64)),
                ("password_hash", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "operators", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WindowCount",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("bucket", fields.CharField(unique=True, max_length=160)),
                ("window", fields.BigIntField()),
                ("count", fields.IntField()),
                ("count_before", fields.IntField()),
            ],
            options={"table": "limit_windows", "app": "talkabiz", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Login",
            name="last_used_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Login",
            name="operator",
            field=fields.ForeignKeyField(
                "talkabiz.Operator",
                source_field="operator_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="logins",
                on_delete=OnDelete.CASCADE,
            ),
        ),
        ops.AddField(
            model_name="LoginLink",
            name="operator",
            field=fields.ForeignKeyField(
                "talkabiz.Operator",
                source_field="operator_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="login_links",
                on_delete=OnDelete.CASCADE,
            ),
        ),
    ]
