"""Why a call into the library came to nothing, by the text that it gave (whatsmeow, errors.go): it has no codes.

A code is one of those below, `error_N` for a number that WhatsApp refused a message with (463: not to somebody new),
`refused_N` for one that it refused a query with, `media_gone`, or `library_failed`.

Of a send, what matters is whether the message may have left, since one that may have is never repeated. As soon as its
frame is on the way the library says so in few ways (send.go, request.go), and may also pass on whatever its socket
said. So a text is taken for harmless only if it is one of a step before that; anything else is `unanswered`.

When the link is lost with a message under way, the library waits 5 s for a new one and says the same message once more,
under its id. That is done within the call, and most often what comes of it is `Sent`.

    what happened                                                       code             may have happened
    link lost mid-send, a new one within 5 s                            Sent: nothing failed, and it arrives once
    link lost mid-send, no new one within 5 s, or lost again            unanswered       yes
    acknowledgement withheld                                            unanswered       yes, after 75 s
    device removed, replaced or logged out mid-send                     unanswered       yes
    session closed by us mid-send                                       unanswered       yes
    refused with a number, such as 463                                  error_463        no
    group that we aren't in                                             not_in_group     no
    group that there isn't                                              group_not_found  no
    number that isn't on WhatsApp                                       no_lid           no
    no link as the call begins, or none to ask for devices and keys     not_connected    no
    what has to be asked before isn't answered                          timed_out        no, after 75 s
    an earlier call of the session hangs (`conversations`)              not_begun        no
    deadline of the call over (`conversations`)                         unanswered       yes

After `not_connected`, `timed_out` and `not_begun` it is right to try again; after other codes without `may have
happened` it would end the same way.
"""

from __future__ import annotations

import re

from talkabiz.domain.answers import CallFailed
from talkabiz.whatsapp.from_whatsapp import redact

_UNSENT = re.compile(
    "failed to (?:get|fetch|prefetch|save|create|marshal|encrypt|add|clear) |no LID found|proto:|client is nil"
    "|failed to send message node: (?:websocket not connected|frame socket is closed|failed to marshal)"
    "|the store doesn't contain a device JID|message recipient must be|can't send message to unknown server"
)
"""How it begins if a message hasn't left, for certain."""
_BY_SERVER = re.compile(r"server returned error (\d+)")
_BY_QUERY = re.compile(r"info query returned status (\d+)")
_BY_MEDIA_HOST = re.compile(r"(?:download|upload) failed with status code (\d+)")
_GONE = {"403", "404", "410"}

_CODES = (
    ("phone number too short", "invalid_phone"),
    ("international phone number required", "invalid_phone"),
    ("no LID found", "no_lid"),
    ("websocket not connected", "not_connected"),
    ("frame socket is closed", "not_connected"),
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
    ("failed to prefetch sessions", "store_failed"),
    ("proto:", "invalid_message"),
    ("failed to marshal message", "invalid_message"),
    ("database", "store_failed"),
    ("disk", "store_failed"),
    ("sqlite", "store_failed"),
)


def failure(said: str) -> CallFailed:
    return CallFailed(_code(said), redact(said))


def send_failure(said: str) -> CallFailed:
    """Of a message. `may_have_happened` unless it is certain that it hasn't."""
    is_certain = _UNSENT.match(said) or _BY_SERVER.fullmatch(said)
    return CallFailed(_code(said) if is_certain else "unanswered", redact(said))


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
