"""What an account lets others see, and the tokens by which contacts know each other; mostly: nothing is set."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from talkabiz.sandbox.accounts import Accounts
from talkabiz.sandbox.errors import QueryError
from talkabiz.sandbox.nodes import Content, Node
from talkabiz.sandbox.post import Post, now
from talkabiz.sandbox.session import Answer, Session, Topic

_OPEN = ("last", "online", "profile", "status", "readreceipts", "groupadd", "calladd", "messages")
_TOKEN_SIZE = 16


class Privacy:
    def __init__(self, accounts: Accounts, post: Post) -> None:
        self._accounts = accounts
        self._post = post
        self.answers: Mapping[Topic, Answer] = {
            ("privacy", "get", "privacy"): _settings,
            ("privacy", "set", "tokens"): self._issue,
            ("blocklist", "get", ""): _nobody_blocked,
            ("w:profile:picture", "get", "picture"): _no_picture,
        }

    def _issue(self, session: Session, query: Node) -> Content:
        """Each contact that is named gets a token of this account, to show when it writes first."""
        for wish in query.children[0].children:
            jid = wish.jid("jid")
            owner = self._accounts.owner(jid) if jid else None
            if owner is None or owner is session.account:
                continue
            attrs = {"type": "trusted_contact", "t": wish.text("t") or now()}
            token = Node("tokens", {}, (Node("token", attrs, secrets.token_bytes(_TOKEN_SIZE)),))
            whose = {"from": session.account.jid, "sender_lid": session.account.lid}
            self._post.notify(owner.devices.values(), "privacy_token", {**whose}, token)
        return None


def _settings(_session: Session, _query: Node) -> Content:
    return (Node("privacy", {}, tuple(Node("category", {"name": name, "value": "all"}) for name in _OPEN)),)


def _nobody_blocked(_session: Session, _query: Node) -> Content:
    return (Node("list", {"dhash": "none"}),)


def _no_picture(_session: Session, _query: Node) -> Content:
    raise QueryError(404, "item-not-found")
