"""Who is there, and who is writing or recording (whatsmeow, presence.go). Told to those that are there, never kept."""

from __future__ import annotations

import time
from collections.abc import Callable

from talkabiz.sandbox.accounts import LONGEST_NAME, Account, Accounts
from talkabiz.sandbox.nodes import GROUP_SERVER, Attribute, Jid, Node
from talkabiz.sandbox.post import Post
from talkabiz.sandbox.relay import Membership
from talkabiz.sandbox.session import Session


class Presence:
    def __init__(
        self, accounts: Accounts, post: Post, groups: Membership, clock: Callable[[], float] = time.time
    ) -> None:
        self._accounts = accounts
        self._post = post
        self._groups = groups
        self._clock = clock
        self._last_seen: dict[str, int] = {}

    def presence(self, session: Session, node: Node) -> None:
        match node.text("type"):
            case "subscribe":
                self._subscribe(session, node.jid("to"))
            case "unsubscribe":
                if to := node.jid("to"):
                    session.watched.pop(self._number(to), None)
            case "available" | "":
                session.push_name = node.text("name")[:LONGEST_NAME] or session.push_name
                self._set(session, available=True)
            case "unavailable":
                self._set(session, available=False)
            case _:
                pass

    def chat_state(self, session: Session, node: Node) -> None:
        """To the other side, or to all other members of a group."""
        to, state = node.jid("to"), _state(node)
        if to is None or state is None:
            return
        if to.server == GROUP_SERVER:
            members = self._groups.members(to, session.account) or []
            attrs: dict[str, Attribute] = {
                "from": to,
                "participant": session.account.lid,
                "participant_pn": session.account.jid,
            }
        else:
            owner = self._accounts.owner(to)
            members = [owner] if owner else []
            attrs = {"from": session.account.lid, "sender_pn": session.account.jid}
        for member in members:
            if member is not session.account:
                self._post.tell(member, Node("chatstate", attrs, (state,)))

    def leave(self, session: Session) -> None:
        """Its link has ended."""
        self._set(session, available=False)

    def _set(self, session: Session, *, available: bool) -> None:
        account = session.account
        before = self._is_available(account)
        session.available = available
        after = self._is_available(account)
        if before and not after:
            self._last_seen[account.number] = int(self._clock())
        if before != after:
            for other in list(self._post.sessions.values()):
                if account.number in other.watched and not other.parted:
                    self._tell(other, account)

    def _subscribe(self, session: Session, whom: Jid | None) -> None:
        owner = self._accounts.owner(whom) if whom else None
        if whom and owner:
            session.watched[owner.number] = whom.account()
            self._tell(session, owner)

    def _tell(self, session: Session, whom: Account) -> None:
        """By the address that was asked for."""
        attrs: dict[str, Attribute] = {"from": session.watched[whom.number]}
        if not self._is_available(whom):
            seen = self._last_seen.get(whom.number)
            attrs |= {"type": "unavailable", "last": str(seen) if seen else "deny"}
        session.link.send(Node("presence", attrs))

    def _is_available(self, account: Account) -> bool:
        sessions = (self._post.sessions.get(device.jid) for device in account.devices.values())
        return any(session.available for session in sessions if session)

    def _number(self, jid: Jid) -> str:
        owner = self._accounts.owner(jid)
        return owner.number if owner else ""


def _state(node: Node) -> Node | None:
    """As the protocol has it. Another one, made up by a client, would end the library's run at the other end, which has
    no word for it.
    """
    said = node.child("composing") or node.child("paused")
    if said is None:
        return None
    return Node(said.tag, {"media": "audio"} if said.text("media") == "audio" else {})
