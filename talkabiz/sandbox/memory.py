"""Phones, linked devices, groups and what waits for devices, in a file: still there when the process comes back.

One-time prekeys aren't kept: a client that logs in asks how many are left, and uploads new ones when there are few.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkabiz.sandbox.accounts import Account, Device
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.groups import Description, Group
from talkabiz.sandbox.mailbox import Receipted
from talkabiz.sandbox.nodes import LID_SERVER, USER_SERVER, Jid
from talkabiz.sandbox.stored_nodes import from_json, to_json


@dataclass(frozen=True, slots=True)
class State:
    accounts: Sequence[Account] = ()
    groups: Sequence[Group] = ()


def save(path: Path, state: State) -> None:
    """Replaces the file in one step; only its owner may read it."""
    fresh = path.with_name(f"{path.name}.new")
    found = {
        "accounts": [_account_to_json(account) for account in state.accounts],
        "groups": [_group_to_json(group) for group in state.groups],
    }
    fresh.unlink(missing_ok=True)  # of a save that was cut off
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(json.dumps(found))
    fresh.replace(path)


def load(path: Path) -> State:
    """Nothing yet if there is no file. SandboxError `state_unreadable` for one that isn't ours."""
    try:
        found = json.loads(path.read_text())
        accounts = [_account_from_json(account) for account in found["accounts"]]
        return State(accounts, [_group_from_json(group) for group in found.get("groups", [])])
    except FileNotFoundError:
        return State()
    except (ValueError, KeyError, TypeError):
        raise SandboxError(
            "state_unreadable",
            f"Berkas keadaan sandbox tidak terbaca: {path}. Hapus untuk mulai dari awal.",
            f"The sandbox's state file can't be read: {path}. Delete it to begin anew.",
            500,
        ) from None


def _account_to_json(account: Account) -> dict[str, Any]:
    return {
        "number": account.number,
        "name": account.name,
        "secret": account.secret.hex(),
        "raw_id": account.raw_id,
        "ever_linked": account.ever_linked,
        "ever_hidden": account.ever_hidden,
        "devices": [_device_to_json(device) for device in account.devices.values()],
    }


def _device_to_json(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "noise_key": device.noise_key.hex(),
        "identity_key": device.identity_key.hex(),
        "key_index": device.key_index,
        "platform": device.platform,
        "linked_at": device.linked_at,
        "keys": [to_json(key) for key in device.bundle.lasting],
        "mail": [[*key, to_json(node)] for key, node in device.mailbox.contents()],
    }


def _account_from_json(fields: dict[str, Any]) -> Account:
    account = Account(
        number=fields["number"],
        name=fields["name"],
        secret=bytes.fromhex(fields["secret"]),
        raw_id=fields["raw_id"],
        ever_linked=fields["ever_linked"],
        ever_hidden=fields.get("ever_hidden", 0),
    )
    for device in fields["devices"]:
        account.devices[device["id"]] = _device_from_json(account, device)
    return account


def _device_from_json(account: Account, fields: dict[str, Any]) -> Device:
    restored = Device(
        id=fields["id"],
        jid=Jid(account.number, USER_SERVER, fields["id"]),
        lid=Jid(account.lid.user, LID_SERVER, fields["id"]),
        noise_key=bytes.fromhex(fields["noise_key"]),
        identity_key=bytes.fromhex(fields["identity_key"]),
        key_index=fields["key_index"],
        platform=fields["platform"],
        linked_at=fields["linked_at"],
    )
    restored.bundle.restore([from_json(key) for key in fields.get("keys", [])])
    for tag, id_, type_, who, node in fields.get("mail", []):
        restored.mailbox.put(Receipted(tag, id_, type_, who), from_json(node), stored=True)
    return restored


def _group_to_json(group: Group) -> dict[str, Any]:
    description = group.description
    return {
        "id": group.id,
        "subject": group.subject,
        "creator": group.creator,
        "created_at": group.created_at,
        "subject_author": group.subject_author,
        "subject_at": group.subject_at,
        "members": group.members,
        "settings": sorted(group.settings),
        "description": [description.id, description.text, description.author, description.at] if description else None,
        "version": group.version,
    }


def _group_from_json(fields: dict[str, Any]) -> Group:
    described = fields.pop("description")
    settings = set(fields.pop("settings"))
    return Group(**fields, settings=settings, description=Description(*described) if described else None)
