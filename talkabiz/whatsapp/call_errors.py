"""Why a call into the library came to nothing, by the text that it gave (whatsmeow, errors.go): it has no codes.

A code is one of those below, `error_N` for a number that WhatsApp refused a message with (463: not to somebody new),
`refused_N` for one that it refused a query with, `media_gone`, or `library_failed`.
"""

from __future__ import annotations

import re

from talkabiz.domain.answers import CallFailed
from talkabiz.whatsapp.from_whatsapp import redact

_BY_SERVER = re.compile(r"server returned error (\d+)")
_BY_QUERY = re.compile(r"info query returned status (\d+)")
_BY_MEDIA_HOST = re.compile(r"(?:download|upload) failed with status code (\d+)")
_GONE = {"403", "404", "410"}

_CODES = (
    ("phone number too short", "invalid_phone"),
    ("international phone number required", "invalid_phone"),
    ("no LID found", "no_lid"),
    ("timed out waiting for message send response", "unanswered"),
    ("before message send returned response", "unanswered"),
    ("failed to send message node", "unanswered"),
    ("websocket not connected", "not_connected"),
    ("websocket disconnected", "not_connected"),
    ("client is nil", "not_connected"),
    ("info query timed out", "timed_out"),
    ("doesn't contain a device JID", "not_logged_in"),
    ("not participating in that group", "not_in_group"),
    ("group does not exist", "group_not_found"),
    ("unknown server", "invalid_address"),
    ("must be a user JID with no device part", "invalid_address"),
    ("without PushName set", "no_push_name"),
    ("didn't find any attachments", "no_media"),
    ("no url present", "no_media"),
    ("unknown media type", "no_media"),
    ("hash of ", "media_damaged"),
    ("invalid media hmac", "media_damaged"),
    ("file too short", "media_damaged"),
    ("failed to decrypt file", "media_damaged"),
    ("failed to download media", "media_unreachable"),
    ("failed to refresh media connections", "media_unreachable"),
    ("failed to execute request", "media_unreachable"),
    ("failed to parse upload response", "media_unreachable"),
    ("upload failed", "media_unreachable"),
    ("download failed", "media_unreachable"),
    ("no signal session established", "no_session"),
    ("failed to prefetch sessions", "no_session"),
    ("proto:", "invalid_message"),
    ("failed to marshal message", "invalid_message"),
    ("database", "store_failed"),
    ("disk", "store_failed"),
    ("sqlite", "store_failed"),
)


def failure(said: str) -> CallFailed:
    return CallFailed(_code(said), redact(said))


def _code(said: str) -> str:
    if found := _BY_SERVER.search(said):
        return f"error_{found[1]}"
    if found := _BY_MEDIA_HOST.search(said):
        return "media_gone" if found[1] in _GONE else "media_unreachable"
    for words, code in _CODES:
        if words in said:
            return code
    if found := _BY_QUERY.search(said):
        return f"refused_{found[1]}"
    return "library_failed"
