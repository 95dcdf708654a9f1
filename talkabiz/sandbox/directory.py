"""Who is on WhatsApp and with which devices, and their public keys (whatsmeow, user.go and prekeys.go)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from talkabiz.sandbox.accounts import Account, Accounts, Device
from talkabiz.sandbox.envelopes import device_hash
from talkabiz.sandbox.nodes import LID_SERVER, SERVER, USER_SERVER, Content, Jid, Node
from talkabiz.sandbox.post import Post
from talkabiz.sandbox.session import Answer, Session, Topic

FEW_PREKEYS = 5
"""When a device has no more of them left, it is asked for new ones."""


class Directory:
    def __init__(self, accounts: Accounts, post: Post, changed: Callable[[], None] = lambda: None) -> None:
        self._accounts = accounts
        self._post = post
        self._changed = changed
        self._askers: defaultdict[str, set[tuple[Jid, str]]] = defaultdict(set)
        """By number, which devices have asked for its devices, and by which kind of address: they remember the list, so
        they are told of each change of it.
        """
        accounts.relinked = self._tell_of_change
        self.answers: Mapping[Topic, Answer] = {
            ("encrypt", "get", "count"): self._count_prekeys,
            ("encrypt", "get", "digest"): self._digest,
            ("encrypt", "get", "key"): self._hand_out_prekeys,
            ("encrypt", "set", "registration"): self._upload_prekeys,
            ("encrypt", "set", "rotate"): self._rotate_prekey,
            ("usync", "get", "usync"): self._look_up,
            ("md", "set", "remove-companion-device"): self._remove,
        }

    # ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _count_prekeys(self, session: Session, _query: Node) -> Content:
        return (Node("count", {"value": str(session.device.bundle.count)}),)

    def _digest(self, session: Session, _query: Node) -> Content:
        """By which a client sees that its keys are here."""
        lasting = session.device.bundle.lasting
        return (Node("digest", {}, lasting),) if lasting else None

    def _upload_prekeys(self, session: Session, query: Node) -> Content:
        session.device.bundle.upload(query)
        self._changed()
        return None

    def _rotate_prekey(self, session: Session, query: Node) -> Content:
        session.device.bundle.rotate(query)
        self._changed()
        return None

    def _hand_out_prekeys(self, _session: Session, query: Node) -> Content:
        """One bundle for each device that is asked for; a one-time key in it is used up."""
        return (Node("list", {}, tuple(self._bundle_of(user) for user in query.children[0].children)),)

    def _bundle_of(self, user: Node) -> Node:
        jid = user.jid("jid") or Jid("")
        device = self._accounts.device(jid)
        parts = device.bundle.take() if device else ()
        if device and parts and device.bundle.count == FEW_PREKEYS:
            left = Node("count", {"value": str(device.bundle.count)})
            self._post.notify([device], "encrypt", {"from": SERVER}, left)
        missing = (Node("error", {"code": "404", "text": "item-not-found"}),)
        return Node("user", {"jid": jid}, parts or missing)

    # ── who is there ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _look_up(self, session: Session, query: Node) -> Content:
        """usync: whether numbers are on WhatsApp, their devices, LIDs and what little else there is of them."""
        question = query.children[0]
        asked, users = question.child("query"), question.child("list")
        wanted = {part.tag: part for part in asked.children} if asked else {}
        found = tuple(self._describe(session, user, wanted) for user in (users.children if users else ()))
        return (Node("usync", question.attrs, (Node("list", {}, found),)),)

    def _describe(self, session: Session, user: Node, wanted: Mapping[str, Node]) -> Node:
        contact = user.child("contact")
        jid = user.jid("jid") or _jid_of(contact)
        owner = self._accounts.owner(jid)
        attrs = {"jid": jid.account()}
        facts: list[Node] = []
        if "contact" in wanted:
            if owner and wanted["contact"].text("addressing_mode") == "lid":
                attrs = {"jid": owner.lid, "pn_jid": owner.jid}
            facts.append(Node("contact", {"type": "in" if owner else "out"}, contact.data if contact else None))
        if owner and "devices" in wanted:
            self._askers[owner.number].add((session.device.jid, jid.server))
            facts.append(Node("devices", {}, (Node("device-list", {}, _device_list(owner)),)))
        if owner and "lid" in wanted and jid.server != LID_SERVER:
            facts.append(Node("lid", {"val": owner.lid}))
        if "disappearing_mode" in wanted:
            facts.append(Node("disappearing_mode", {"duration": "0", "t": "0"}))
        if owner and "status" in wanted:
            facts.append(Node("status", {"t": "0"}))
        return Node("user", attrs, tuple(facts))

    # ── which devices there are ───────────────────────────────────────────────────────────────────────────────────────

    def _remove(self, session: Session, query: Node) -> Content:
        """Log-out by the client: it gets its answer, then the link ends. It can't remove another."""
        named = query.children[0].jid("jid")
        device = self._accounts.device(named) if named else None
        if device is None or device is session.device:
            session.parted = True
            self._accounts.remove(session.account, session.device.id)
            session.link.part_soon()
        return None

    def _tell_of_change(self, account: Account, device: Device, linked: bool) -> None:  # noqa: FBT001 - a callback
        """Those that asked; among them the account's other devices, which copy what they send to each other."""
        for server, changed, now in (
            (LID_SERVER, device.lid, [each.lid for each in account.devices.values()]),
            (USER_SERVER, device.jid, [each.jid for each in account.devices.values()]),
        ):
            part = Node("device", {"jid": changed, "key-index": str(device.key_index)})
            change = Node("add" if linked else "remove", {"device_hash": device_hash(now)}, (part,))
            askers = [self._accounts.device(jid) for jid, by in self._askers[account.number] if by == server]
            told = [asker for asker in askers if asker and asker is not device]
            self._post.notify(told, "devices", {"from": changed.account()}, change)


def _jid_of(contact: Node | None) -> Jid:
    """`+628…`, or the same with `@c.us` behind it."""
    asked = contact.data.decode("ascii", "replace") if contact else ""
    return Jid(asked.partition("@")[0].lstrip("+"), USER_SERVER)


def _device_list(account: Account) -> tuple[Node, ...]:
    return tuple(
        Node("device", {"id": str(device.id), "key-index": str(device.key_index)})
        for device in account.devices.values()
    )
