"""A receiver of Talkabiz' webhooks, which believes nothing unsigned and does nothing twice.

    pip install standardwebhooks
    WEBHOOK_SECRET=whsec_... python3 receiver.py

It listens on port 8080, or PORT, of this machine alone: what stands before it has the name and the certificate.
"""

from __future__ import annotations

import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1_000_000
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
done: set[str] = set()  # in earnest: a table with the id as its key, written in one transaction with what is done
one_at_a_time = Lock()


def handle(event: dict[str, Any]) -> None:
    """What your program does with it. What takes long belongs into a queue: there are 15 seconds to answer."""
    print(event["type"], event["klien_id"], event["seq"], flush=True)


class Receiver(BaseHTTPRequestHandler):
    timeout = 15  # seconds without a byte: nobody holds a thread for good

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not re.fullmatch("[0-9]{1,7}", length) or int(length) > LARGEST_BODY:
            return self.answer(413)
        body = self.rfile.read(int(length))  # as it came: the signature is of these bytes, not of what they mean
        try:
            event = webhook.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):  # the other one: a signature, or a body, that is no such thing
            return self.answer(401)
        with one_at_a_time:  # or two of the same that come at once would both be new
            if event["id"] not in done:
                handle(event)
                done.add(event["id"])
        return self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not each request."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
