"""What a linked session can do in its chats, by calls into the library. Each waits for WhatsApp, 75 s or more at worst.

So each is made on a thread of the pool. Any number may be under way at once; the library sends one message after the
other itself. Bytes go in and out: a text where bytes belong is refused here, since the Python library would take it for
the path or address of a file. What the library returns is copied and freed by the hook that its binding has for that.

The library looks for the session in its map as a call begins, in some calls after reading the message: milliseconds for
the largest, which is well within what the gate allows.

Only arguments that its code can take are let through, for a wrong one ends the process: an address that isn't complete,
a kind of medium or state that it doesn't have, an id that isn't registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from talkabiz.domain.answers import CallFailed, Change, Found, Group, Member, Sent
from talkabiz.domain.content import Kind, Stored
from talkabiz.whatsapp.binding import Binding
from talkabiz.whatsapp.call_errors import failure, send_failure
from talkabiz.whatsapp.run import Run, RunClosed
from talkabiz.whatsapp.wire import address, jid, library, text

LARGEST_MESSAGE = 1 << 20
LARGEST_MEDIA = 1 << 30
"""The library counts in 32 bits, and holds it three times."""

LAST_SECOND = (1 << 31) - 1
"""Of the times that it can take."""

_CHROME = 1
_DISPLAY_NAME = "Chrome (Linux)"
"""WhatsApp refuses a name that isn't of a browser and a system that it knows (whatsmeow, pair-code.go)."""

_STORES = {Kind.IMAGE: 0, Kind.STICKER: 0, Kind.VIDEO: 1, Kind.AUDIO: 2, Kind.VOICE: 2, Kind.DOCUMENT: 3}
_READS = {"read", "played"}
_TYPING = {"composing": (0, 0), "recording": (0, 1), "paused": (1, 0)}


class Calls:
    """Of one run. Every method may raise CallFailed; ValueError or TypeError for arguments that can't be meant."""

    def __init__(self, binding: Binding, run: Run) -> None:
        self._go = binding.neonize.gocode
        self._run = run

    # --- messages -----------------------------------------------------------------------------------------------------

    def send(self, to: str, message: bytes) -> Sent:
        """To a person or a group. `may_have_happened` of a failure says whether it may have left."""
        data = _data(message, LARGEST_MESSAGE)
        try:
            answer = self._ask("SendMessage", library().SendMessageReturnFunction, _jid(to), data, why=send_failure)
        except CallFailed as refused:
            if refused.code == "error_403" and to.endswith("@g.us"):
                raise CallFailed("not_in_group", str(refused)) from None
            raise
        return Sent(answer.SendResponse.ID, datetime.fromtimestamp(answer.SendResponse.Timestamp, UTC))

    def upload(self, data: bytes, kind: Kind) -> Stored:
        """Encrypted by the library; what it answers belongs into a message."""
        content = _data(data, LARGEST_MEDIA)
        answer = self._ask("Upload", library().UploadReturnFunction, content, _STORES[kind]).UploadResponse
        return Stored(
            url=answer.url,
            direct_path=answer.DirectPath,
            media_key=answer.MediaKey,
            encrypted_sha256=answer.FileEncSHA256,
            sha256=answer.FileSHA256,
            size=answer.FileLength,
        )

    def download(self, message: bytes) -> bytes:
        """The medium in a message: decrypted, and proved by its hash."""
        data = _data(message, LARGEST_MESSAGE)
        return bytes(self._ask("DownloadAny", library().DownloadReturnFunction, data).Binary)

    def mark_read(self, ids: Sequence[str], at: datetime, chat: str, sender: str = "", receipt: str = "read") -> None:
        """`sender` is needed in groups: all of those messages are his. `receipt`: read, or played."""
        if receipt not in _READS:
            raise ValueError(f"not a receipt: {receipt}")
        who = _jid(sender) if sender else _nobody()
        self._tell(
            "MarkRead",
            _words(ids),
            min(int(at.timestamp()), LAST_SECOND),
            *_sized(_jid(chat)),
            *_sized(who),
            receipt.encode(),
        )

    # --- linking ------------------------------------------------------------------------------------------------------

    def pair_phone(self, number: str) -> str:
        """The code to type into the phone of that number, `ABCD-EFGH`; one that was given before is dead then. Of a
        pairing that has shown its first QR code. The number is digits, with the country code.
        """
        if not number.isascii() or not number.isdecimal():
            raise ValueError("a number is digits")
        wish = library().PairPhoneParams(
            phone=number, showPushNotification=True, clientType=_CHROME, clientDisplayName=_DISPLAY_NAME
        )
        return text(self._ask("PairPhone", library().PairPhoneReturnFunction, wish.SerializeToString()).Code)

    # --- presence -----------------------------------------------------------------------------------------------------

    def show_typing(self, chat: str, state: str) -> None:
        """`state`: composing, recording or paused."""
        if state not in _TYPING:
            raise ValueError(f"not a state of typing: {state}")
        self._tell("SendChatPresence", *_sized(_jid(chat)), *_TYPING[state])

    def show_presence(self, *, available: bool) -> None:
        """While a device isn't available, what it receives counts as delivered to nobody who looks."""
        self._tell("SendPresence", b"available" if available else b"unavailable")

    def receive_openly(self) -> None:
        """From now on, what arrives counts as delivered to somebody, also while we aren't available: for as long as
        this run lasts.
        """
        self._run.call(lambda name: self._go.SetForceActiveDeliveryReceipts(name, True))  # noqa: FBT003 - a C function

    def subscribe_presence(self, who: str) -> None:
        """PresenceHeard of this person from now on, as long as the link stands and we are available."""
        self._tell("SubscribePresence", *_sized(_jid(who)))

    # --- who there is -------------------------------------------------------------------------------------------------

    def is_on_whatsapp(self, numbers: Sequence[str]) -> tuple[Found, ...]:
        """Numbers with the country code, digits alone."""
        if not all(number.isascii() and number.isdecimal() for number in numbers):
            raise ValueError("numbers are digits")
        words = _words([f"+{number}" for number in numbers])
        answer = self._ask("IsOnWhatsApp", library().IsOnWhatsAppReturnFunction, (words,))
        return tuple(
            Found(text(found.Query).lstrip("+"), address(found.JID) if found.IsIn else "", found.IsIn)
            for found in answer.IsOnWhatsAppResponse
        )

    # --- groups -------------------------------------------------------------------------------------------------------

    def create_group(self, name: str, participants: Iterable[str]) -> Group:
        wish = library().ReqCreateGroup(name=name, CreateKey="", Participants=map(jid, participants))
        answer = self._ask("CreateGroup", library().GetGroupInfoReturnFunction, wish.SerializeToString())
        return _group(answer.GroupInfo)

    def group_info(self, group: str) -> Group:
        return _group(self._ask("GetGroupInfo", library().GetGroupInfoReturnFunction, _jid(group)).GroupInfo)

    def change_participants(self, group: str, participants: Iterable[str], change: Change) -> tuple[Member, ...]:
        """Those that were to be changed, each with what came of it."""
        whom = library().JIDArray(JIDS=map(jid, participants)).SerializeToString()
        kind = library().UpdateGroupParticipantsReturnFunction
        answer = self._ask("UpdateGroupParticipants", kind, _jid(group), whom, change.value.encode())
        return tuple(map(_member, answer.participants))

    def leave_group(self, group: str) -> None:
        self._tell("LeaveGroup", *_sized(_jid(group)))

    # --- into the library ---------------------------------------------------------------------------------------------

    def _ask(
        self,
        function: str,
        kind: Any,
        *given: bytes | int | tuple[bytes],
        why: Callable[[str], CallFailed] = failure,
    ) -> Any:
        """A call that answers with a protobuf. Bytes are given with their size, those in a tuple without."""
        arguments: list[bytes | int] = []
        for each in given:
            arguments += _sized(each) if isinstance(each, bytes) else each if isinstance(each, tuple) else (each,)
        answer = kind.FromString(self._call(function, *arguments))
        if answer.Error and answer.Error != "Function returned nothing.":
            raise why(text(answer.Error))
        return answer

    def _tell(self, function: str, *arguments: bytes | int) -> None:
        """A call that answers with the text of an error, or nothing."""
        if said := self._call(function, *arguments):
            raise failure(said.decode(errors="replace"))

    def _call(self, function: str, *arguments: bytes | int) -> bytes:
        entry = getattr(self._go, function)
        try:
            return bytes(self._run.call(lambda name: entry(name, *arguments)))
        except RunClosed:
            raise CallFailed("not_connected") from None


def _data(given: bytes, largest: int) -> bytes:
    if not isinstance(given, bytes):
        raise TypeError(f"bytes are needed, not {type(given).__name__}: nothing is read from a path or an address")
    if len(given) > largest:
        raise ValueError(f"{len(given)} bytes are more than {largest}")
    return given


def _jid(text: str) -> bytes:
    return bytes(jid(text).SerializeToString())


def _nobody() -> bytes:
    return bytes(library().JID(User="", Server="", RawAgent=0, Device=0, Integrator=0).SerializeToString())


def _sized(data: bytes) -> tuple[bytes, int]:
    return data, len(data)


def _words(words: Sequence[str]) -> bytes:
    """The library splits them at blanks, and reads a text up to its first null."""
    if not words or any(not word or not word.isprintable() or " " in word for word in words):
        raise ValueError("words without blanks are needed, one at least")
    return " ".join(words).encode()


def _group(info: Any) -> Group:
    return Group(
        address(info.JID), text(info.GroupName.Name), address(info.OwnerJID), tuple(map(_member, info.Participants))
    )


def _member(member: Any) -> Member:
    return Member(
        jid=address(member.JID),
        phone=address(member.PhoneNumber),
        lid=address(member.LID),
        is_admin=member.IsAdmin or member.IsSuperAdmin,
        error=member.Error,
    )
