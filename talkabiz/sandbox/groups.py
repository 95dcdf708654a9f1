"""Groups: who is in them, who may change them, and what they are called."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from talkabiz.sandbox.accounts import Account, Accounts
from talkabiz.sandbox.errors import QueryError
from talkabiz.sandbox.nodes import GROUP_SERVER, Jid

MAX_MEMBERS = 1024
LONGEST_SUBJECT = 100
LONGEST_DESCRIPTION = 2048

_FORBIDDEN = (403, "forbidden")
_UNKNOWN = (404, "item-not-found")


@dataclass(slots=True)
class Description:
    id: str
    text: str
    author: str
    at: int


@dataclass(slots=True)
class Group:
    """Members are numbers, in the order in which they joined, with whether they are admins. `settings` are those that
    are on: `locked`, `announcement`.
    """

    id: str
    subject: str
    creator: str
    created_at: int
    subject_author: str
    subject_at: int
    members: dict[str, bool] = field(default_factory=dict)
    settings: set[str] = field(default_factory=set)
    description: Description | None = None
    version: int = 1
    """Of the list of members."""

    @property
    def jid(self) -> Jid:
        return Jid(self.id, GROUP_SERVER)


class Groups:
    """`changed` is called after each change that should outlive the process."""

    def __init__(self, accounts: Accounts, changed: Callable[[], None] = lambda: None) -> None:
        self._accounts = accounts
        self._changed = changed
        self._by_id: dict[str, Group] = {}

    def all(self) -> list[Group]:
        return list(self._by_id.values())

    def restore(self, group: Group) -> None:
        self._by_id[group.id] = group

    def of(self, account: Account) -> list[Group]:
        return [group for group in self._by_id.values() if account.number in group.members]

    def members(self, group: Jid, sender: Account) -> list[Account] | None:
        """Who gets what is sent to a group; None if there is no such group, or the sender may not write in it."""
        found = self._by_id.get(group.user) if group.server == GROUP_SERVER else None
        if found is None or sender.number not in found.members:
            return None
        if "announcement" in found.settings and not found.members[sender.number]:
            return None
        return self.accounts_in(found)

    def accounts_in(self, group: Group) -> list[Account]:
        """In the order in which they joined."""
        found = (self._accounts.owner(Jid(number)) for number in group.members)
        return [account for account in found if account]

    def get(self, jid: Jid | None, account: Account) -> Group:
        """QueryError if there is none, or the account isn't in it."""
        group = self._by_id.get(jid.user) if jid and jid.server == GROUP_SERVER else None
        if group is None:
            raise QueryError(*_UNKNOWN)
        if account.number not in group.members:
            raise QueryError(*_FORBIDDEN)
        return group

    def create(self, subject: str, creator: Account) -> Group:
        """With its creator in it, as its first admin. QueryError for a subject that is too long."""
        now = int(time.time())
        id_ = f"120363{int.from_bytes(os.urandom(7), 'big') % 10**12:012}"
        group = Group(id_, _checked(subject, LONGEST_SUBJECT), creator.number, now, creator.number, now)
        group.members[creator.number] = True
        self._by_id[id_] = group
        self._changed()
        return group

    def add(self, group: Group, account: Account) -> int:
        """0, or the code of why not."""
        if account.number in group.members:
            return 409
        if len(group.members) >= MAX_MEMBERS:
            return 419
        group.members[account.number] = False
        self.touch(group)
        return 0

    def remove(self, group: Group, account: Account) -> int:
        """0, or the code of why not. Somebody stays its admin as long as there is anybody in it."""
        if group.members.pop(account.number, None) is None:
            return 404
        if group.members and not any(group.members.values()):
            group.members[next(iter(group.members))] = True
        self.touch(group)
        return 0

    def set_admin(self, group: Group, account: Account, *, admin: bool) -> int:
        """0, or the code of why not."""
        if account.number not in group.members:
            return 404
        group.members[account.number] = admin
        self.touch(group)
        return 0

    def name(self, group: Group, subject: str, author: Account) -> None:
        """QueryError if it is too long."""
        group.subject = _checked(subject, LONGEST_SUBJECT)
        group.subject_author, group.subject_at = author.number, int(time.time())
        self._changed()

    def describe(self, group: Group, id_: str, text: str, author: Account) -> None:
        """QueryError if it is too long. An empty text takes it away."""
        text = _checked(text, LONGEST_DESCRIPTION)
        group.description = Description(id_, text, author.number, int(time.time())) if text else None
        self._changed()

    def set(self, group: Group, setting: str, *, on: bool) -> None:
        if on:
            group.settings.add(setting)
        else:
            group.settings.discard(setting)
        self._changed()

    def touch(self, group: Group) -> None:
        group.version += 1
        self._changed()


def require_admin(group: Group, account: Account) -> None:
    """QueryError if it isn't one."""
    if not group.members.get(account.number):
        raise QueryError(*_FORBIDDEN)


def _checked(text: str, longest: int) -> str:
    if len(text) > longest:
        raise QueryError(406, "not-acceptable")
    return text
