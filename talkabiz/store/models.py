"""The tables: columns and indexes, no behaviour. Times are UTC. What belongs to a klien goes with it."""

# Comments, not docstrings: Tortoise writes a model's docstring into the schema, so that a better wording would be a
# migration.

from __future__ import annotations

import json
from typing import Any

from tortoise import fields
from tortoise.models import Model


# The columns wa_… mirror the session, for lists and for whoever reads the table. `seq` is the last durable event's.
# `incoming_secret`, sealed: what a gateway outside signs with.
class Klien(Model):
    id = fields.BigIntField(primary_key=True)
    nama = fields.TextField()
    wa_terhubung = fields.BooleanField(default=False)
    wa_nomor = fields.CharField(max_length=32, null=True)
    wa_lid = fields.CharField(max_length=64, null=True)
    wa_nama = fields.TextField(null=True)
    seq = fields.BigIntField(default=0)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    incoming_secret = fields.BinaryField(null=True)

    session: Session | None

    class Meta:
        table = "kliens"


# What of the session machine outlives the process. It has an id of its own because Tortoise's migrations lose track of
# a primary key that is a relation.
class Session(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.OneToOneRelation[Klien] = fields.OneToOneField("talkabiz.Klien", related_name="session")
    klien_id: int
    session_id = fields.CharField(max_length=63, null=True)
    status = fields.CharField(max_length=32)
    reason = fields.CharField(max_length=32, null=True)
    detail = fields.TextField(null=True)
    since = fields.DatetimeField()
    retry_at = fields.DatetimeField(null=True)
    device = fields.CharField(max_length=64, null=True)
    me_phone = fields.CharField(max_length=32, null=True, db_index=True)
    me_lid = fields.CharField(max_length=64, null=True)
    me_name = fields.TextField(null=True)
    me_platform = fields.TextField(null=True)
    tries = fields.IntField(default=0)
    replaced_at = fields.DatetimeField(null=True)
    last_active_at = fields.DatetimeField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "sessions"


# Ids are never used twice, so that a reader's cursor stays true when rows go.
class JournalEvent(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.ForeignKeyRelation[Klien] = fields.ForeignKeyField("talkabiz.Klien", related_name="events")
    klien_id: int
    seq = fields.BigIntField()
    type = fields.CharField(max_length=64)
    at = fields.DatetimeField()
    data: fields.JSONField[dict[str, Any]] = fields.JSONField(encoder=json.dumps, decoder=json.loads)

    class Meta:
        table = "journal_events"
        unique_together = (("klien", "seq"),)


# A `hash` is the SHA-256 of a token in hex. The token itself is nowhere. `kind` "link" is a link token.
class ApiKey(Model):
    id = fields.BigIntField(primary_key=True)
    hash = fields.CharField(max_length=64, unique=True)
    kind = fields.CharField(max_length=16)
    klien: fields.ForeignKeyNullableRelation[Klien] = fields.ForeignKeyField(
        "talkabiz.Klien", related_name="api_keys", null=True, db_index=True
    )
    klien_id: int | None
    scopes: fields.JSONField[list[str]] = fields.JSONField(encoder=json.dumps, decoder=json.loads)
    label = fields.TextField()
    expires_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "api_keys"


# A person of the operator's. Without a `password_hash` (argon2id) only a login link lets them in.
class Operator(Model):
    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    password_hash = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "operators"


class LoginLink(Model):
    id = fields.BigIntField(primary_key=True)
    hash = fields.CharField(max_length=64, unique=True)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    operator: fields.ForeignKeyNullableRelation[Operator] = fields.ForeignKeyField(
        "talkabiz.Operator", related_name="login_links", null=True
    )
    operator_id: int | None

    class Meta:
        table = "login_links"


# A browser that is logged in; the token is its cookie. Those of version 0.1 name no operator: they don't count.
class Login(Model):
    id = fields.BigIntField(primary_key=True)
    hash = fields.CharField(max_length=64, unique=True)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    operator: fields.ForeignKeyNullableRelation[Operator] = fields.ForeignKeyField(
        "talkabiz.Operator", related_name="logins", null=True
    )
    operator_id: int | None

    class Meta:
        table = "logins"


# What is counted one by one (starts, log-ins), by whom it counts for; kept while it counts.
class Hit(Model):
    id = fields.BigIntField(primary_key=True)
    bucket = fields.CharField(max_length=160)
    at = fields.DatetimeField()

    class Meta:
        table = "limit_hits"
        indexes = (("bucket", "at"),)


# What is too frequent for that (requests): how many in this window and in the one before.
class WindowCount(Model):
    id = fields.BigIntField(primary_key=True)
    bucket = fields.CharField(max_length=160, unique=True)
    window = fields.BigIntField()
    count = fields.IntField()
    count_before = fields.IntField()

    class Meta:
        table = "limit_windows"


# Who did what. It names a klien by its id and outlives it.
class AuditEntry(Model):
    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField(db_index=True)
    actor = fields.CharField(max_length=128)
    address = fields.CharField(max_length=64, null=True)
    action = fields.CharField(max_length=64)
    klien_id = fields.BigIntField(null=True, db_index=True)
    detail: fields.JSONField[dict[str, Any]] = fields.JSONField(encoder=json.dumps, decoder=json.loads)

    class Meta:
        table = "audit_entries"
