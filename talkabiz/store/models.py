"""The tables: columns and indexes, no behaviour. Times are UTC. What belongs to a klien goes with it."""

# Comments, not docstrings: Tortoise writes a model's docstring into the schema, so that a better wording would be a
# migration.

from __future__ import annotations

import json
from typing import Any

from tortoise import fields
from tortoise.models import Model


# The columns wa_… mirror the session, for lists and for whoever reads the table. `seq` is the last durable event's.
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


# A person or a group, as one klien knows them. A person may be known by number, by LID or by both; `jid` is where
# messages go. `members`: how many a group has beside us. `last_message_id`, `last_at` and `unread` are the chat's.
class Party(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.ForeignKeyRelation[Klien] = fields.ForeignKeyField("talkabiz.Klien", related_name="parties")
    klien_id: int
    jid = fields.CharField(max_length=80)
    phone = fields.CharField(max_length=32, null=True)
    lid = fields.CharField(max_length=80, null=True)
    name = fields.TextField(null=True)
    on_whatsapp = fields.BooleanField(null=True)
    checked_at = fields.DatetimeField(null=True)
    last_message_id = fields.BigIntField(null=True)
    last_at = fields.DatetimeField(null=True)
    unread = fields.IntField(default=0)
    members = fields.IntField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "parties"
        unique_together = (("klien", "jid"), ("klien", "phone"), ("klien", "lid"))
        indexes = (("klien_id", "last_at"),)


# `path` is below MEDIA_DIR. `source`: the protocol's message that it is fetched by.
class Media(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.ForeignKeyRelation[Klien] = fields.ForeignKeyField(
        "talkabiz.Klien", related_name="media", db_index=True
    )
    klien_id: int
    path = fields.CharField(max_length=120, null=True)
    status = fields.CharField(max_length=16)
    mimetype = fields.CharField(max_length=120)
    filename = fields.TextField(null=True)
    size = fields.BigIntField(null=True)
    sha256 = fields.CharField(max_length=64, null=True)
    seconds = fields.IntField(null=True)
    error = fields.CharField(max_length=64, null=True)
    source = fields.BinaryField(null=True)
    tries = fields.IntField(default=0)
    retry_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "media"
        indexes = (("status", "retry_at"), ("status", "expires_at"))


# `sender_id` null: the klien's own account. `due_at`: its place in the queue, by send_at or when it was accepted.
# `error`: a code. `key`, `fingerprint`: of the request that it was accepted by. `sender_id` and `media_id` are no
# foreign keys: for each party that goes with its klien, SQLite would look through everybody's messages.
class Message(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.ForeignKeyRelation[Klien] = fields.ForeignKeyField("talkabiz.Klien", related_name="messages")
    klien_id: int
    chat: fields.ForeignKeyRelation[Party] = fields.ForeignKeyField("talkabiz.Party", related_name="messages")
    chat_id: int
    sender_id = fields.BigIntField(null=True)
    direction = fields.CharField(max_length=3)
    source = fields.CharField(max_length=8)
    wa_id = fields.CharField(max_length=80, null=True)
    type = fields.CharField(max_length=16)
    text = fields.TextField(null=True)
    content: fields.JSONField[dict[str, Any]] = fields.JSONField(encoder=json.dumps, decoder=json.loads)
    media_id = fields.BigIntField(null=True)
    reply_to = fields.CharField(max_length=80, null=True)
    mentions: fields.JSONField[list[str]] = fields.JSONField(encoder=json.dumps, decoder=json.loads)
    status = fields.CharField(max_length=16)
    status_at = fields.DatetimeField()
    error = fields.CharField(max_length=64, null=True)
    tries = fields.IntField(default=0)
    send_at = fields.DatetimeField(null=True)
    due_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    sending_at = fields.DatetimeField(null=True)
    sent_at = fields.DatetimeField(null=True)
    at = fields.DatetimeField(null=True)
    edited_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    key = fields.CharField(max_length=255, null=True)
    fingerprint = fields.CharField(max_length=64, null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "messages"
        unique_together = (("klien", "key"), ("chat", "wa_id"))  # a chat is one klien's
        indexes = (
            ("klien_id", "id"),
            ("chat_id", "id"),
            ("klien_id", "status", "due_at"),
            ("klien_id", "status", "expires_at"),
            ("klien_id", "sent_at"),
            ("media_id",),
        )


# What became of a message of ours with one person; also of one that we don't know (yet), for its answer may come late.
class Receipt(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.ForeignKeyRelation[Klien] = fields.ForeignKeyField("talkabiz.Klien", related_name="receipts")
    klien_id: int
    chat: fields.ForeignKeyRelation[Party] = fields.ForeignKeyField("talkabiz.Party", related_name="receipts")
    chat_id: int
    party_id = fields.BigIntField()
    wa_id = fields.CharField(max_length=80)
    delivered_at = fields.DatetimeField(null=True)
    read_at = fields.DatetimeField(null=True)
    played_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "receipts"
        unique_together = (("chat", "wa_id", "party_id"),)


# What a session heard of its chats, as the library gave it, until it has been taken in.
class Heard(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.ForeignKeyRelation[Klien] = fields.ForeignKeyField("talkabiz.Klien", related_name="heard")
    klien_id: int
    number = fields.IntField()
    data = fields.BinaryField()
    tries = fields.IntField(default=0)
    error = fields.TextField(null=True)
    at = fields.DatetimeField()

    class Meta:
        table = "heard"


# How a klien sends: its own pace, and whether WhatsApp has told it to wait.
class Pace(Model):
    id = fields.BigIntField(primary_key=True)
    klien: fields.OneToOneRelation[Klien] = fields.OneToOneField("talkabiz.Klien", related_name="pace")
    klien_id: int
    settings: fields.JSONField[dict[str, Any]] = fields.JSONField(encoder=json.dumps, decoder=json.loads)
    paused_until = fields.DatetimeField(null=True)
    pause_reason = fields.CharField(max_length=64, null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "paces"
