"""What a person does with a virtual phone that chats. Each deed raises SandboxError for what can't be done."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from talkabiz.domain.answers import Change, Group, Member
from talkabiz.domain.content import Content, Kind, Media, Quote, Ref, Text
from talkabiz.sandbox.chat_log import Entry
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.handsets import Handset, Handsets

_PERSON = re.compile(r"(\+?)([1-9][0-9]{6,14})", re.ASCII)
_ADDRESS = re.compile(r"[0-9]{7,20}@(?:s\.whatsapp\.net|lid)", re.ASCII)
_GROUP = re.compile(r"[0-9]{1,20}(?:-[0-9]{1,20})?@g\.us", re.ASCII)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A medium that is to be sent; without a mimetype it is guessed by the file's name."""

    kind: Kind
    data: bytes = field(repr=False)
    mimetype: str = ""
    filename: str = ""
    caption: str = ""


class Chats:
    def __init__(self, handsets: Handsets) -> None:
        self._handsets = handsets

    async def send(
        self, number: str, to: str, content: Content, reply_to: str | None = None, *, forwards: int = 0
    ) -> Entry:
        """`to`: a number, an address, or a group's. `forwards`: how often it was sent on, by its own word."""
        handset, chat = self._handsets.of(number), _chat(to)
        quote = self._quote(number, reply_to) if reply_to else None
        sent = await self._handsets.ask(handset, lambda companion: companion.send(chat, content, quote, forwards))
        own = str(handset.account.jid)
        where = self._handsets.address(chat)
        entry = Entry(sent.id, True, where, own, content, reply_to or "", sent.at, "sent", sent.at)  # noqa: FBT003
        entry.forwards = forwards
        handset.log.add(entry)
        return entry

    async def send_media(
        self, number: str, to: str, file: Attachment, reply_to: str | None = None, *, forwards: int = 0
    ) -> Entry:
        handset = self._handsets.of(number)
        _chat(to)
        stored = await self._handsets.ask(handset, lambda companion: companion.upload(file.data, file.kind))
        mimetype = file.mimetype or mimetypes.guess_type(file.filename)[0] or "application/octet-stream"
        media = Media(file.kind, stored, mimetype, file.caption, file.filename)
        return await self.send(number, to, media, reply_to, forwards=forwards)

    def ref(self, number: str, id_: str) -> tuple[Ref, str]:
        """A message of this phone as another message points at it, and its chat."""
        entry = self.entry(number, id_)
        return Ref(entry.id, "" if entry.outward else entry.sender), entry.chat

    async def media(self, number: str, id_: str) -> tuple[bytes, Media]:
        """Fetched from the server, and decrypted."""
        handset, content = self._handsets.of(number), self.entry(number, id_).content
        if not isinstance(content, Media):
            raise SandboxError("no_media", "Pesan ini tidak membawa media.", "This message carries no media.", 404)
        return await self._handsets.ask(handset, lambda companion: companion.download(content)), content

    async def read(self, number: str, id_: str, receipt: str) -> Entry:
        """`receipt`: read or played."""
        handset, entry = self._handsets.of(number), self.entry(number, id_)
        if entry.outward:
            raise SandboxError(
                "not_received", "Telepon ini sendiri yang mengirimnya.", "This phone sent that message itself.", 409
            )
        ids, chat, sender = [entry.id], entry.chat, entry.sender
        await self._handsets.ask(handset, lambda companion: companion.mark_read(ids, chat, sender, receipt))
        handset.log.mark(entry, receipt, datetime.now(UTC))
        return entry

    async def type(self, number: str, to: str, state: str) -> None:
        handset, chat = self._handsets.of(number), _chat(to)
        await self._handsets.ask(handset, lambda companion: companion.show_typing(chat, state))

    async def create_group(self, number: str, name: str, participants: list[str]) -> Group:
        handset, people = self._handsets.of(number), [_person(each) for each in participants]
        group = await self._handsets.ask(handset, lambda companion: companion.create_group(name, people))
        self._handsets.groups[group.jid] = group.name
        return group

    async def change_group(self, number: str, group: str, people: list[str], change: Change) -> tuple[Member, ...]:
        handset, where, whom = self._handsets.of(number), _group(group), [_person(each) for each in people]
        return await self._handsets.ask(handset, lambda companion: companion.change_participants(where, whom, change))

    async def group_info(self, number: str, group: str) -> Group:
        handset, where = self._handsets.of(number), _group(group)
        return await self._handsets.ask(handset, lambda companion: companion.group_info(where))

    async def leave_group(self, number: str, group: str) -> None:
        handset, where = self._handsets.of(number), _group(group)
        await self._handsets.ask(handset, lambda companion: companion.leave_group(where))

    async def go_offline(self, number: str, seconds: float | None) -> None:
        await self._handsets.go_offline(number, seconds)

    async def go_online(self, number: str) -> None:
        await self._handsets.go_online(number)

    async def set_chats(self, number: str, *, chats: bool) -> None:
        """Whether this phone is to chat at all: now, or never. Left alone, it does from when somebody wants it to."""
        handset = self._handsets.of(number)
        handset.mute = not chats
        if chats:
            await self._handsets.go_online(number)

    def chat(self, to: str) -> str:
        """The address of a chat, as messages have it."""
        return self._handsets.address(_chat(to))

    def handset(self, number: str) -> Handset:
        return self._handsets.of(number)

    def entry(self, number: str, id_: str) -> Entry:
        if entry := self._handsets.of(number).log.find(id_):
            return entry
        raise SandboxError("not_found", "Telepon ini tidak punya pesan itu.", "This phone has no such message.", 404)

    def _quote(self, number: str, id_: str) -> Quote:
        entry = self.entry(number, id_)
        content = entry.content
        words = content.text if isinstance(content, Text) else getattr(content, "caption", "")
        return Quote(entry.id, entry.sender, words)


def _chat(to: str) -> str:
    return to if _GROUP.fullmatch(to) else _person(to)


def _person(who: str) -> str:
    if found := _PERSON.fullmatch(who):
        return f"{found[2]}@s.whatsapp.net"
    if _ADDRESS.fullmatch(who):
        return who
    raise SandboxError(
        "invalid_input",
        "Tujuan harus nomor dengan kode negara, alamat WhatsApp, atau alamat grup.",
        "A number with the country code is needed, a WhatsApp address, or a group's.",
    )


def _group(group: str) -> str:
    if _GROUP.fullmatch(group):
        return group
    raise SandboxError("invalid_input", "Alamat grup berakhir dengan @g.us.", "A group's address ends with @g.us.")
