"""What the control API says of chats: the message object of the product's own API, as far as it applies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from talkabiz.domain.answers import Group, Member
from talkabiz.domain.content import Contact, Content, Edit, Location, Media, Poll, Preview, Reaction, Revoke, Text
from talkabiz.sandbox.chat_log import Entry
from talkabiz.sandbox.handsets import Handset, Handsets


class ChatViews:
    """Every party is `{"phone", "lid", "jid", "name"}`; what isn't known is null."""

    def __init__(self, handsets: Handsets) -> None:
        self._handsets = handsets

    def messages(self, handset: Handset, entries: list[Entry]) -> dict[str, Any]:
        typing = [
            {"chat": self.party(chat), "from": self.party(who), "state": state}
            for (chat, who), state in handset.log.typing.items()
        ]
        return {"messages": [self.message(handset, entry) for entry in entries], "typing": typing}

    def message(self, handset: Handset, entry: Entry) -> dict[str, Any]:
        own = str(handset.account.jid)
        content = entry.content
        return {
            "id": entry.id,
            "wa_id": entry.id,
            "direction": "out" if entry.outward else "in",
            "source": "device" if entry.by_device else "phone",
            "chat": self.party(entry.chat),
            "from": self.party(entry.sender),
            "to": self.party(entry.chat if entry.outward or entry.chat.endswith("@g.us") else own),
            "type": content.kind.value if content else "unknown",
            "text": _text(content),
            "media": _media(content),
            **_special(content),
            "reply_to": entry.reply_to or None,
            "forwarded": entry.forwards > 0,
            "edited_text": entry.edited,
            "revoked": entry.revoked,
            "reactions": [{"from": self.party(who), "emoji": emoji} for who, emoji in entry.reactions.items()],
            "receipts": [{"from": self.party(who), "status": status} for who, status in entry.receipts.items()],
            "push_name": entry.push_name or None,
            "status": entry.status,
            "status_at": _time(entry.status_at),
            "created_at": _time(entry.at),
        }

    def group(self, group: Group) -> dict[str, Any]:
        return {
            **self.party(group.jid),
            "name": group.name,
            "owner": self.party(group.owner),
            "participants": [self.member(member) for member in group.members],
        }

    def member(self, member: Member) -> dict[str, Any]:
        return self.party(member.phone or member.jid) | {"admin": member.is_admin, "error": member.error or None}

    def party(self, address: str) -> dict[str, Any]:
        if not address:
            return dict.fromkeys(("phone", "lid", "jid", "name"))
        owner = self._handsets.owner(address)
        if owner:
            return {"phone": owner.number, "lid": str(owner.lid), "jid": str(owner.jid), "name": owner.name or None}
        return {"phone": None, "lid": None, "jid": address, "name": self._handsets.groups.get(address)}


def _text(content: Content | None) -> str | None:
    match content:
        case Text(text=text) | Edit(text=text):
            return text
        case Media(caption=caption):
            return caption or None
    return None


def _media(content: Content | None) -> dict[str, Any] | None:
    if not isinstance(content, Media):
        return None
    return {
        "mimetype": content.mimetype,
        "filename": content.filename or None,
        "size": content.stored.size,
        "sha256": content.stored.sha256.hex(),
        "seconds": content.seconds or None,
    }


def _special(content: Content | None) -> dict[str, Any]:
    match content:
        case Location(latitude, longitude, name, address):
            return {
                "location": {
                    "latitude": latitude,
                    "longitude": longitude,
                    "name": name or None,
                    "address": address or None,
                }
            }
        case Contact(name, vcard):
            return {"contact": {"name": name, "vcard": vcard}}
        case Poll(question, options, choices):
            return {"poll": {"question": question, "options": list(options), "choices": choices}}
        case Text(preview=Preview() as preview):
            shown = {"url": preview.url, "title": preview.title, "description": preview.description or None}
            return {"preview": {**shown, "thumbnail_size": len(preview.thumbnail)}}
        case Reaction(to, emoji):
            return {"reaction": emoji, "message_id": to.id}
        case Edit(of) | Revoke(of):
            return {"message_id": of.id}
    return {}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
