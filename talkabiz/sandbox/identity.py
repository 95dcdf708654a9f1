"""What binds a device to an account: the account's key signs the device's, and that signs back (whatsmeow, pair.go)."""

from __future__ import annotations

import hashlib
import hmac
import time

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from google.protobuf.message import DecodeError
from neonize.proto.waAdv.WAAdv_pb2 import ADVDeviceIdentity, ADVSignedDeviceIdentity, ADVSignedDeviceIdentityHMAC

from talkabiz.sandbox.accounts import Account, Device
from talkabiz.sandbox.xeddsa import sign, verify

_ACCOUNT_SIGNATURE = b"\x06\x00"
_DEVICE_SIGNATURE = b"\x06\x01"


def signed_identity(account: Account, device: Device) -> ADVSignedDeviceIdentity:
    details = ADVDeviceIdentity(rawID=account.raw_id, timestamp=int(time.time()), keyIndex=device.key_index)
    raw = details.SerializeToString()
    return ADVSignedDeviceIdentity(
        details=raw,
        accountSignatureKey=_public_key(account),
        accountSignature=sign(account.secret, _ACCOUNT_SIGNATURE + raw + device.identity_key),
    )


def sealed(identity: ADVSignedDeviceIdentity, adv_secret: bytes) -> bytes:
    """With the secret from the QR code, so the client knows that the phone has seen its screen."""
    raw = identity.SerializeToString()
    seal = hmac.new(adv_secret, raw, hashlib.sha256).digest()
    return bytes(ADVSignedDeviceIdentityHMAC(details=raw, HMAC=seal).SerializeToString())


def signed_back(identity: ADVSignedDeviceIdentity, device: Device, answer: bytes) -> bool:
    """Whether the client's answer is the same identity with a signature of its own key."""
    try:
        theirs = ADVSignedDeviceIdentity.FromString(answer)
    except DecodeError:
        return False
    message = _DEVICE_SIGNATURE + identity.details + device.identity_key + identity.accountSignatureKey
    return bool(theirs.details == identity.details) and verify(device.identity_key, message, theirs.deviceSignature)


def _public_key(account: Account) -> bytes:
    return X25519PrivateKey.from_private_bytes(account.secret).public_key().public_bytes_raw()
