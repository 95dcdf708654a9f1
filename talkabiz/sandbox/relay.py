"""Takes a message from one device and gives each of the others what is sealed for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias

from talkabiz.sandbox.accounts import Account, Accounts, Device
from talkabiz.sandbox.envelopes import Letter, Sender, device_hash
from talkabiz.sandbox.faults import Faults
from talkabiz.sandbox.mishaps import Mishaps
from talkabiz.sandbox.nodes import BROADCAST_SERVER, GROUP_SERVER, SERVER, Attribute, Jid, Node
from talkabiz.sandbox.post import Post, now
from talkabiz.sandbox.session import Session

_NO_MEMBER = "403"
_NOBODY = "404"
_RESTRICTED = "463"

_Mail: TypeAlias = Mapping[str, list[tuple[Device, Node]]]
"""By number."""


class Membership(Protocol):
    """Who gets what is sent to a group; None if there is no such group, or the sender isn't in it."""

    def members(self, group: Jid, sender: Account) -> list[Account] | None: ...


class _UndeliverableError(Exception):
    """By the code that the sender is told."""


class Relay:
    def __init__(self, accounts: Accounts, post: Post, faults: Faults, groups: Membership) -> None:
        self._accounts = accounts
        self._post = post
        self._faults = faults
        self._groups = groups
        self._mishaps = Mishaps(accounts, post, faults)

    def message(self, session: Session, node: Node) -> None:
        """Delivered even if its acknowledgement gets lost; one that is refused is delivered to nobody."""
        letter = Letter(node, Sender(session.account, session.device, session.notify_name))
        if self._strikes("error_463", session):
            _acknowledge(session, node, error=_RESTRICTED)
            return
        if self._strikes("cut_off", session):
            session.link.abort()
            return
        try:
            mail = self._sort(letter)
        except _UndeliverableError as refusal:
            _acknowledge(session, node, error=str(refusal))
            return
        if not self._strikes("no_ack", session):
            _acknowledge(session, node, phash=self._missed(letter))
        for number, parcels in mail.items():
            if number != session.account.number:
                self._mishaps.deliver(number, parcels)
                continue
            for device, copy in parcels:
                self._post.put(device, copy)

    def _strikes(self, fault: str, session: Session) -> bool:
        return not session.device.hidden and self._faults.strike(fault, session.account.number) is not None

    def _sort(self, letter: Letter) -> _Mail:
        """_UndeliverableError if nobody is there."""
        if letter.to is None:
            raise _UndeliverableError(_NOBODY)
        if letter.to.server in {GROUP_SERVER, BROADCAST_SERVER}:
            return self._sort_for_many(letter, letter.to)
        chat = self._accounts.owner(letter.to)
        if chat is None:
            raise _UndeliverableError(_NOBODY)
        mail: defaultdict[str, list[tuple[Device, Node]]] = defaultdict(list)
        for owner, device, sealed in self._addressed(letter):
            if owner is letter.sender.account:
                mail[owner.number].append((device, letter.to_own(sealed, self._chat_of_copy(letter, chat))))
            elif owner is chat:
                mail[owner.number].append((device, letter.to_other(sealed)))
        return mail

    def _chat_of_copy(self, letter: Letter, chat: Account) -> Account | None:
        """A copy that is sent again, to one device, names the chat it belongs to."""
        if letter.node.text("category") == "peer":
            return None
        recipient = letter.node.jid("recipient")
        return (self._accounts.owner(recipient) if recipient else None) or chat

    def _sort_for_many(self, letter: Letter, chat: Jid) -> _Mail:
        sealed = {device.jid: parts for _, device, parts in self._addressed(letter)}
        again = letter.node.jid("participant")
        only = self._accounts.device(again) if again else None
        mail: defaultdict[str, list[tuple[Device, Node]]] = defaultdict(list)
        for member in self._readers(letter, chat):
            for device in member.devices.values():
                parts = (*sealed.get(device.jid, ()), *letter.open_to_all)
                if parts and device is not letter.sender.device and (again is None or device is only):
                    mail[member.number].append((device, letter.to_member(chat, parts)))
        return mail

    def _readers(self, letter: Letter, chat: Jid) -> list[Account]:
        """A group's members, as the server knows them; whom a broadcast list reaches, only the sender knows."""
        if chat.server == BROADCAST_SERVER:
            owners = {owner.number: owner for owner, _, _ in self._addressed(letter)}
            return list(owners.values())
        members = self._groups.members(chat, letter.sender.account)
        if members is None:
            raise _UndeliverableError(_NO_MEMBER)
        return members

    def _addressed(self, letter: Letter) -> Iterator[tuple[Account, Device, tuple[Node, ...]]]:
        """Every device that something is sealed for, but the sender's own."""
        sealed = dict(letter.sealed)
        if letter.open_to_all and letter.to and letter.to.device:  # sent again, to the one that couldn't read it
            sealed[letter.to] = letter.open_to_all
        for jid, parts in sealed.items():
            owner, device = self._accounts.owner(jid), self._accounts.device(jid)
            if owner and device and device is not letter.sender.device:
                yield owner, device, parts

    def _missed(self, letter: Letter) -> str:
        """The devices' hash, if the client knows others than there are: then it will ask anew."""
        own = letter.sender
        if letter.to is None or letter.to.server == BROADCAST_SERVER:
            return ""
        if letter.to.server == GROUP_SERVER:
            claimed, members = letter.node.text("phash"), self._groups.members(letter.to, own.account) or []
            right = device_hash(_lids(members))
            return right if claimed and claimed != right else ""
        if not letter.sealed:
            return ""
        chat = self._accounts.owner(letter.to)
        both = _lids({account.number: account for account in (chat, own.account) if account}.values())
        reached = {device.lid for _, device, _ in self._addressed(letter)}
        return "" if reached | {own.device.lid} >= set(both) else device_hash(both)


def _acknowledge(session: Session, node: Node, error: str = "", phash: str = "") -> None:
    """The library's send waits for this."""
    attrs: dict[str, Attribute] = {
        "class": "message",
        "id": node.text("id"),
        "from": node.attrs.get("to", SERVER),
        "t": now(),
        "error": error,
        "phash": phash,
    }
    if participant := node.jid("participant"):
        attrs["participant"] = participant
    session.link.send(Node("ack", attrs))


def _lids(accounts: Iterable[Account]) -> list[Jid]:
    return [device.lid for account in accounts for device in account.devices.values()]
