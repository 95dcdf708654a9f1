"""Everything between devices that are logged in, tied together: who answers them, and who brings them what."""

from __future__ import annotations

from collections.abc import Callable

from talkabiz.sandbox.accounts import Accounts
from talkabiz.sandbox.directory import Directory
from talkabiz.sandbox.faults import Faults
from talkabiz.sandbox.group_desk import GroupDesk
from talkabiz.sandbox.groups import Groups
from talkabiz.sandbox.media import Shelf
from talkabiz.sandbox.nodes import SERVER, Node
from talkabiz.sandbox.post import Post
from talkabiz.sandbox.presence import Presence
from talkabiz.sandbox.privacy import Privacy
from talkabiz.sandbox.receipts import Receipts
from talkabiz.sandbox.relay import Relay
from talkabiz.sandbox.session import Desk, Session


class Exchange:
    """`changed` is called after each change that should outlive the process."""

    def __init__(
        self, accounts: Accounts, faults: Faults, shelf: Shelf, changed: Callable[[], None] = lambda: None
    ) -> None:
        self.post = Post(accounts, changed)
        self.shelf = shelf
        self.groups = Groups(accounts, changed)
        self._presence = Presence(accounts, self.post, self.groups)
        self.desk = Desk(
            answers={
                **Directory(accounts, self.post, changed).answers,
                **GroupDesk(accounts, self.post, self.groups).answers,
                **Privacy(accounts, self.post).answers,
                ("w:m", "set", "media_conn"): shelf.connection,
            },
            hearers={
                "message": Relay(accounts, self.post, faults, self.groups).message,
                "receipt": Receipts(accounts, self.post).receipt,
                "ack": self._settle,
                "presence": self._presence.presence,
                "chatstate": self._presence.chat_state,
                "call": _acknowledge_call,
            },
        )

    def enter(self, session: Session) -> None:
        """What came for the device while it was away follows its welcome."""
        self.post.sessions[session.device.jid] = session
        session.welcome()
        self.post.greet(session.device)

    def leave(self, session: Session) -> None:
        if self.post.sessions.get(session.device.jid) is session:
            self._presence.leave(session)
            del self.post.sessions[session.device.jid]

    def _settle(self, session: Session, node: Node) -> None:
        self.post.settle(session.device, node.text("class"), node)


def _acknowledge_call(session: Session, node: Node) -> None:
    """Calls aren't passed on; clients wait for an answer all the same."""
    attrs = {"class": "call", "id": node.text("id"), "from": node.attrs.get("to", SERVER)}
    session.link.send(Node("ack", attrs))
