"""The tables of messages: columns and indexes, no behaviour; as `talkabiz.store.models`."""

from __future__ import annotations

import json
from typing import Any

from tortoise import fields
from tortoise.models import Model

from talkabiz.store.models import Klien


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
            ("sender_id",),
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
        indexes = (("party_id",),)


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
        indexes = (("tries", "id"),)


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
