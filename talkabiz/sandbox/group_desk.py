"""Queries about groups, and what their members are told of each change (whatsmeow, group.go).

Groups address their members by LID; the number stands beside each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from talkabiz.sandbox.accounts import Account, Accounts
from talkabiz.sandbox.groups import Group, Groups, require_admin
from talkabiz.sandbox.nodes import Attribute, Content, Jid, Node
from talkabiz.sandbox.post import Post
from talkabiz.sandbox.session import Answer, Session, Topic

_SETTINGS = {
    "locked": ("locked", True),
    "unlocked": ("locked", False),
    "announcement": ("announcement", True),
    "not_announcement": ("announcement", False),
}


class GroupDesk:
    def __init__(self, accounts: Accounts, post: Post, groups: Groups) -> None:
        self._accounts = accounts
        self._post = post
        self._groups = groups
        self.answers: Mapping[Topic, Answer] = {
            ("w:g2", "set", "create"): self._create,
            ("w:g2", "get", "query"): self._query,
            ("w:g2", "get", "participating"): self._participating,
            ("w:g2", "set", "leave"): self._leave,
            ("w:g2", "set", "subject"): self._name,
            ("w:g2", "set", "description"): self._describe,
            **{("w:g2", "set", change): partial(self._change, change) for change in _CHANGES},
            **{("w:g2", "set", setting): self._set for setting in _SETTINGS},
        }

    def _create(self, session: Session, query: Node) -> Content:
        """Members that can't be added stand in the answer, each with the code of why not."""
        wish = query.children[0]
        group = self._groups.create(wish.text("subject"), session.account)
        for setting in ("locked", "announcement"):
            self._groups.set(group, setting, on=wish.child(setting) is not None)
        refused = self._each(wish, partial(self._groups.add, group))
        description = self._describe_group(group)
        created = Node("create", {"type": "new", "key": wish.text("key")}, (description,))
        self._tell(session, group, self._groups.accounts_in(group), created)
        failed = tuple(node for node in refused if "error" in node.attrs and node.text("error") != "409")
        return (Node("group", description.attrs, (*description.children, *failed)),)

    def _query(self, session: Session, query: Node) -> Content:
        return (self._describe_group(self._groups.get(query.jid("to"), session.account)),)

    def _participating(self, session: Session, _query: Node) -> Content:
        return (Node("groups", {}, tuple(map(self._describe_group, self._groups.of(session.account)))),)

    def _change(self, change: str, session: Session, query: Node) -> Content:
        """Adds, removes, promotes or demotes."""
        group = self._groups.get(query.jid("to"), session.account)
        if change != "add" or "locked" in group.settings:
            require_admin(group, session.account)
        before = self._groups.accounts_in(group)
        version = group.version
        results = self._each(query.children[0], partial(_CHANGES[change], self._groups, group))
        done = tuple(node for node in results if "error" not in node.attrs)
        if done:
            attrs = {"v_id": str(group.version), "prev_v_id": str(version)}
            everybody = {account.number: account for account in (*before, *self._groups.accounts_in(group))}
            self._tell(session, group, everybody.values(), Node(change, attrs, done))
        return (Node(change, {}, results),)

    def _leave(self, session: Session, query: Node) -> Content:
        """One or several; the answer says of each how it went."""
        results = []
        for part in query.children[0].children:
            named = part.attrs.get("id")
            jid = named if isinstance(named, Jid) else _group_jid(str(named or ""))
            group = self._groups.get(jid, session.account)
            members = self._groups.accounts_in(group)
            self._groups.remove(group, session.account)
            gone = (self._member_node(session.account, {}),)
            self._tell(session, group, members, Node("remove", {"v_id": str(group.version)}, gone))
            results.append(Node("group", {"id": group.jid}))
        return (Node("leave", {}, tuple(results)),)

    def _name(self, session: Session, query: Node) -> Content:
        group = self._changeable(session, query)
        self._groups.name(group, query.children[0].data.decode("utf-8", "replace"), session.account)
        attrs: dict[str, Attribute] = {"subject": group.subject, "s_t": str(group.subject_at)}
        attrs |= {"s_o": session.account.lid, "s_o_pn": session.account.jid}
        self._tell(session, group, self._groups.accounts_in(group), Node("subject", attrs))
        return None

    def _describe(self, session: Session, query: Node) -> Content:
        group, wish = self._changeable(session, query), query.children[0]
        body = wish.child("body")
        text = body.data.decode("utf-8", "replace") if body else ""
        self._groups.describe(group, wish.text("id"), text, session.account)
        content = Node("body", {}, text.encode()) if text else Node("delete")
        told = Node("description", {"id": wish.text("id") or "none"}, (content,))
        self._tell(session, group, self._groups.accounts_in(group), told)
        return None

    def _set(self, session: Session, query: Node) -> Content:
        group = self._groups.get(query.jid("to"), session.account)
        require_admin(group, session.account)
        wish = query.children[0].tag
        setting, on = _SETTINGS[wish]
        self._groups.set(group, setting, on=on)
        self._tell(session, group, self._groups.accounts_in(group), Node(wish, {"v_id": str(group.version)}))
        return None

    def _changeable(self, session: Session, query: Node) -> Group:
        """Everybody may name and describe a group, unless it is locked."""
        group = self._groups.get(query.jid("to"), session.account)
        if "locked" in group.settings:
            require_admin(group, session.account)
        return group

    def _each(self, wish: Node, change: Callable[[Account], int]) -> tuple[Node, ...]:
        results = []
        for part in wish.children:
            jid = part.jid("jid")
            if part.tag != "participant" or jid is None:
                continue
            owner = self._accounts.owner(jid)
            code = change(owner) if owner else 404
            attrs: dict[str, Attribute] = {"error": str(code)} if code else {}
            results.append(self._member_node(owner, attrs) if owner else Node("participant", {"jid": jid, **attrs}))
        return tuple(results)

    # ── what is told of a group ───────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, session: Session, group: Group, members: Iterable[Account], change: Node) -> None:
        """Every device, the one that made the change too: what it remembers of the group is by such notices."""
        attrs: dict[str, Attribute] = {
            "from": group.jid,
            "participant": session.account.lid,
            "participant_pn": session.account.jid,
            "notify": session.notify_name,
            "addressing_mode": "lid",
        }
        devices = [device for member in members for device in member.devices.values()]
        self._post.notify(devices, "w:gp2", attrs, change)

    def _describe_group(self, group: Group) -> Node:
        creator, author = self._named(group.creator), self._named(group.subject_author)
        attrs: dict[str, Attribute] = {
            "id": group.id,
            "subject": group.subject,
            "s_t": str(group.subject_at),
            "creation": str(group.created_at),
            "addressing_mode": "lid",
            "size": str(len(group.members)),
            "a_v_id": str(group.version),
            "p_v_id": str(group.version),
        }
        attrs |= {"creator": creator.lid, "creator_pn": creator.jid} if creator else {}
        attrs |= {"s_o": author.lid, "s_o_pn": author.jid} if author else {}
        members = tuple(
            self._member_node(account, {"type": _rank(group, account)}) for account in self._groups.accounts_in(group)
        )
        mode = Node("member_add_mode", {}, b"all_member_add")
        settings = tuple(Node(setting) for setting in sorted(group.settings))
        return Node("group", attrs, (*members, *self._description_of(group), *settings, mode))

    def _description_of(self, group: Group) -> tuple[Node, ...]:
        description = group.description
        if description is None:
            return ()
        attrs: dict[str, Attribute] = {"id": description.id, "t": str(description.at)}
        if author := self._named(description.author):
            attrs |= {"participant": author.lid, "participant_pn": author.jid}
        return (Node("description", attrs, (Node("body", {}, description.text.encode()),)),)

    def _named(self, number: str) -> Account | None:
        return self._accounts.owner(Jid(number))

    def _member_node(self, account: Account, attrs: Mapping[str, Attribute]) -> Node:
        return Node("participant", {"jid": account.lid, "phone_number": account.jid, **attrs})


_CHANGES: Mapping[str, Callable[[Groups, Group, Account], int]] = {
    "add": Groups.add,
    "remove": Groups.remove,
    "promote": partial(Groups.set_admin, admin=True),
    "demote": partial(Groups.set_admin, admin=False),
}


def _rank(group: Group, account: Account) -> str:
    if not group.members[account.number]:
        return ""
    return "superadmin" if account.number == group.creator else "admin"


def _group_jid(text: str) -> Jid:
    user, _, server = text.partition("@")
    return Jid(user, server)
