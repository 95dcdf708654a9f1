"""Who exists: accounts by number, and the devices that are linked to each."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.mailbox import Mailbox
from talkabiz.sandbox.nodes import LID_SERVER, USER_SERVER, Jid
from talkabiz.sandbox.prekeys import Bundle

MAX_COMPANIONS = 4
LAST_DEVICE = 99
FIRST_HIDDEN = 100
LAST_HIDDEN = 255  # one byte on the wire
LONGEST_NAME = 100

_NUMBER = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)


@dataclass(slots=True)
class Device:
    """`key_index` counts the devices an account ever had; `linked_at` is in seconds since 1970. A `hidden` one stands
    for the phone itself: it isn't among the devices that a person sees, nor counted with them, and faults spare it.
    """

    id: int
    jid: Jid
    lid: Jid
    noise_key: bytes
    identity_key: bytes
    key_index: int
    platform: str
    linked_at: float
    bundle: Bundle = field(default_factory=Bundle, compare=False)
    mailbox: Mailbox = field(default_factory=Mailbox, compare=False)

    @property
    def hidden(self) -> bool:
        return self.id >= FIRST_HIDDEN


@dataclass(slots=True)
class Account:
    """`secret` is the phone's own identity key, which signs for each device."""

    number: str
    name: str
    secret: bytes = field(repr=False)
    raw_id: int
    ever_linked: int = 0
    ever_hidden: int = 0
    devices: dict[int, Device] = field(default_factory=dict)

    @property
    def jid(self) -> Jid:
        return Jid(self.number, USER_SERVER)

    @property
    def lid(self) -> Jid:
        return lid_of(self.number)

    @property
    def shown_devices(self) -> list[Device]:
        """As in the phone's list of linked devices."""
        return [device for device in self.devices.values() if not device.hidden]

    def new_device(self, noise_key: bytes, identity_key: bytes, platform: str, *, hidden: bool = False) -> Device:
        """Not linked yet: `Accounts.link` does that, once the client has signed. SandboxError `device_limit`."""
        id_, key_index = self._next_hidden() if hidden else self._next_shown()
        return Device(
            id=id_,
            jid=Jid(self.number, USER_SERVER, id_),
            lid=Jid(self.lid.user, LID_SERVER, id_),
            noise_key=noise_key,
            identity_key=identity_key,
            key_index=key_index,
            platform=platform,
            linked_at=time.time(),
        )

    def _next_shown(self) -> tuple[int, int]:
        """Id and key index. An id isn't given again soon, for others still hold the old one's sessions."""
        if len(self.shown_devices) >= MAX_COMPANIONS:
            raise SandboxError(
                "device_limit",
                f"Nomor ini sudah punya {MAX_COMPANIONS} perangkat tertaut; lepas satu dulu.",
                f"This number already has {MAX_COMPANIONS} linked devices; remove one first.",
                409,
            )
        ids = (number % LAST_DEVICE + 1 for number in itertools.count(self.ever_linked))
        id_ = next(id_ for id_ in ids if id_ not in self.devices)
        self.ever_linked += 1
        return id_, self.ever_linked

    def _next_hidden(self) -> tuple[int, int]:
        """The key index is apart from those of the devices that are seen, which count from 1."""
        span = LAST_HIDDEN - FIRST_HIDDEN + 1
        ids = (FIRST_HIDDEN + number % span for number in itertools.count(self.ever_hidden))
        id_ = next(id_ for id_ in ids if id_ not in self.devices)
        self.ever_hidden += 1
        return id_, id_


def lid_of(number: str) -> Jid:
    """Every number has a LID, whether on WhatsApp or not: the library refuses to send without. Always the same one."""
    digits = int.from_bytes(hashlib.sha256(number.encode()).digest()[:8], "big") % 10**14
    return Jid(f"1{digits:014}", LID_SERVER)


class Accounts:
    """`changed` is called after each change that should outlive the process; `relinked` after a device was linked or
    removed, with whether it is there now.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.relinked: Callable[[Account, Device, bool], None] = lambda _account, _device, _linked: None
        self._by_number: dict[str, Account] = {}
        self._by_lid: dict[str, Account] = {}
        self._changed = changed

    def all(self) -> list[Account]:
        return list(self._by_number.values())

    def get(self, number: str) -> Account:
        """SandboxError `not_found`."""
        account = self._by_number.get(number)
        if account is None:
            raise SandboxError("not_found", "Tidak ada telepon dengan nomor itu.", "No phone has that number.", 404)
        return account

    def add(self, number: str, name: str) -> tuple[Account, bool]:
        """The account, and whether it is new; an old one gets the name. SandboxError `invalid_input`."""
        if not _NUMBER.fullmatch(number):
            raise SandboxError(
                "invalid_input",
                "number harus 7 sampai 15 angka, dengan kode negara dan tanpa +.",
                "number must be 7 to 15 digits, with the country code and without +.",
            )
        if len(name) > LONGEST_NAME or any("\ud800" <= letter <= "\udfff" for letter in name):
            raise SandboxError(
                "invalid_input",
                f"name paling panjang {LONGEST_NAME} huruf, dan harus teks Unicode yang utuh.",
                f"name has at most {LONGEST_NAME} characters, and must be whole Unicode text.",
            )
        account = self._by_number.get(number)
        new = account is None
        if account is None:
            account = Account(number, name, os.urandom(32), int.from_bytes(os.urandom(4), "big"))
            self.restore(account)
        account.name = name
        self._changed()
        return account, new

    def restore(self, account: Account) -> None:
        self._by_number[account.number] = account
        self._by_lid[account.lid.user] = account

    def owner(self, jid: Jid) -> Account | None:
        """Whose address this is, by number or LID, with or without a device."""
        if jid.server == USER_SERVER:
            return self._by_number.get(jid.user)
        return self._by_lid.get(jid.user) if jid.server == LID_SERVER else None

    def device(self, jid: Jid) -> Device | None:
        account = self.owner(jid)
        return account.devices.get(jid.device) if account else None

    def link(self, account: Account, device: Device) -> None:
        account.devices[device.id] = device
        self._changed()
        self.relinked(account, device, True)  # noqa: FBT003 - `linked`

    def remove(self, account: Account, device_id: int) -> Device:
        """SandboxError `not_found`."""
        device = account.devices.pop(device_id, None)
        if device is None:
            raise SandboxError(
                "not_found",
                "Nomor ini tidak punya perangkat tertaut dengan id itu.",
                "This number has no linked device of that id.",
                404,
            )
        self._changed()
        self.relinked(account, device, False)  # noqa: FBT003 - `linked`
        return device
