"""Phones and linked devices in a file, so that they are still there when the process comes back.

Prekeys aren't kept: a client that logs in asks how many are left, and uploads new ones when there are few.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from talkabiz.sandbox.accounts import Account, Device
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.nodes import LID_SERVER, USER_SERVER, Jid


def save(path: Path, accounts: list[Account]) -> None:
    """Replaces the file in one step; only its owner may read it."""
    fresh = path.with_name(f"{path.name}.new")
    text = json.dumps({"accounts": [_account_to_json(account) for account in accounts]})
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def load(path: Path) -> list[Account]:
    """None yet if there is no file. SandboxError `state_unreadable` for one that isn't ours."""
    try:
        return [_account_from_json(account) for account in json.loads(path.read_text())["accounts"]]
    except FileNotFoundError:
        return []
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
    }


def _account_from_json(fields: dict[str, Any]) -> Account:
    account = Account(
        number=fields["number"],
        name=fields["name"],
        secret=bytes.fromhex(fields["secret"]),
        raw_id=fields["raw_id"],
        ever_linked=fields["ever_linked"],
    )
    for device in fields["devices"]:
        account.devices[device["id"]] = _device_from_json(account, device)
    return account


def _device_from_json(account: Account, fields: dict[str, Any]) -> Device:
    return Device(
        id=fields["id"],
        jid=Jid(account.number, USER_SERVER, fields["id"]),
        lid=Jid(account.lid.user, LID_SERVER, fields["id"]),
        noise_key=bytes.fromhex(fields["noise_key"]),
        identity_key=bytes.fromhex(fields["identity_key"]),
        key_index=fields["key_index"],
        platform=fields["platform"],
        linked_at=fields["linked_at"],
    )
