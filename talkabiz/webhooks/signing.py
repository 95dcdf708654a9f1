"""The headers of a webhook: Standard Webhooks 1.0.0, and a few of ours.

The receiver computes an HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`, with its secret.
"""

from __future__ import annotations

from datetime import datetime

from standardwebhooks import Webhook

from talkabiz.services.dispatch import Parcel

USER_AGENT = "Talkabiz-Webhooks/1"


def headers_of(parcel: Parcel, at: datetime) -> dict[str, str]:
    """Of the try that begins `at`, in UTC. Each secret has a signature, the one that counts first."""
    delivery = parcel.delivery
    text = parcel.body.decode()
    signatures = [Webhook(secret).sign(delivery.event_id, at, text) for secret in parcel.secrets]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Webhook-Id": delivery.event_id,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": " ".join(signatures),
        "Talkabiz-Event": delivery.type.value,
        "Talkabiz-Attempt": str(delivery.tries + 1),
    }
    return headers | ({"Talkabiz-Replay": "true"} if delivery.is_replay else {})
