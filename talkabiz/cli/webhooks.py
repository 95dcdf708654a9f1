"""`talkabiz webhook …`: asked of a running server, which is who sends them."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from talkabiz.cli.options import AsJson, KlienId
from talkabiz.cli.printing import EXIT_USAGE, Failed, say, say_json, say_table
from talkabiz.cli.server import Broken, Key, Server, Silence, Url, no_server
from talkabiz.domain.errors import NotFound
from talkabiz.domain.webhook_wishes import EVENTS

LOOK_SECONDS = 0.2
TEST_SECONDS = 20
"""A try takes 15 at most."""

_EVENTS = f"What it is told: {', '.join(EVENTS)}; once for each [default: everything]."

WebhookId = Annotated[
    int, typer.Argument(min=1, metavar="WEBHOOK_ID", help="The webhook's number: talkabiz webhook list KLIEN_ID.")
]
Json = dict[str, Any]


def add(
    klien_id: KlienId,
    hook: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where it listens: https://…")],
    event: Annotated[list[str] | None, typer.Option(metavar="TYPE", help=_EVENTS)] = None,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What it is for, to know it again.")] = "",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Add a webhook; its secret is shown this once."""
    body = {"url": hook, "events": event or None, "label": label}
    made = _ask(Server.of(url, key), "POST", f"/api/v1/kliens/{klien_id}/webhooks", body)
    if as_json:
        say_json(made)
    else:
        say(f"webhook {made['id']}: {made['url']}\nsecret: {made['secret']}")


def show_all(klien_id: KlienId, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List a klien's webhooks, and how they are."""
    found = _ask(Server.of(url, key), "GET", f"/api/v1/kliens/{klien_id}/webhooks")["webhooks"]
    if as_json:
        say_json({"webhooks": found})
    elif found:
        say_table(
            ("id", "label", "url", "events", "status", "reason", "pending", "failing since"),
            [_row(webhook) for webhook in found],
        )
    else:
        say(f"No webhook yet. Add one: talkabiz webhook add {klien_id} https://…")


def ping(
    klien_id: KlienId,
    webhook_id: WebhookId,
    wait: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the first try; 0: not at all.")
    ] = TEST_SECONDS,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Send a ping, and say what the webhook answered."""
    server, path = Server.of(url, key), f"/api/v1/kliens/{klien_id}"
    delivery = _ask(server, "POST", f"{path}/webhooks/{webhook_id}/test", {})
    until = time.monotonic() + wait
    while not delivery.get("attempts") and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        delivery = _ask(server, "GET", f"{path}/deliveries/{delivery['id']}")
    if wait and delivery["status"] != "delivered":
        raise _not_taken(delivery)
    if as_json:
        say_json(delivery)
    else:
        say(f"{delivery['status']}: delivery {delivery['id']}{_answer(delivery)}")


def replay(
    klien_id: KlienId,
    webhook_id: WebhookId,
    since: Annotated[
        int | None, typer.Option(min=0, metavar="SEQ", help="What happened after this place in the klien's journal.")
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Send again what a webhook was sent, or should have been."""
    if since is None and not dead:
        raise Failed(
            "usage", "Sebutkan --since SEQ, --dead, atau keduanya.", "Say --since SEQ, --dead or both.", EXIT_USAGE
        )
    query = "&".join([*([f"since={since}"] if since is not None else []), *(["status=dead"] if dead else [])])
    where = f"/api/v1/kliens/{klien_id}/webhooks/{webhook_id}/replay?{query}"
    answer = _ask(Server.of(url, key), "POST", where, {})
    if as_json:
        say_json(answer)
    else:
        say(f"{answer['queued']} queued")


def _ask(server: Server, *what: Any) -> Json:
    """Raises Failed, also where nobody answers."""
    try:
        return server.ask(*what)
    except Broken:
        raise _no_answer(server.url) from None
    except Silence:
        raise no_server(server.url) from None
    except Failed as failure:
        raise _nothing_there() if failure.code == NotFound.code else failure from None


def _no_answer(url: str) -> Failed:
    return Failed(
        "no_answer",
        f"Server di {url} tidak menjawab tepat waktu. Mungkin sudah dikerjakan: talkabiz webhook list KLIEN_ID",
        f"The server at {url} didn't answer in time. It may have been done: talkabiz webhook list KLIEN_ID",
    )


def _nothing_there() -> Failed:
    return Failed(
        NotFound.code,
        "Klien atau webhook itu tidak ada: talkabiz webhook list KLIEN_ID",
        "There is no such klien or webhook: talkabiz webhook list KLIEN_ID",
    )


def _row(webhook: Json) -> tuple[Any, ...]:
    events = ", ".join(webhook["events"]) if webhook["events"] else "all"
    told = "connection.update" if webhook["kind"] == "older" else events
    names = ("status", "disabled_reason", "pending", "failing_since")
    return (webhook["id"], webhook["label"], webhook["url"], told, *(webhook[name] for name in names))


def _answer(delivery: Json) -> str:
    if not delivery.get("attempts"):
        return ""
    last = delivery["attempts"][-1]
    return f", {last['status']} in {last['latency_ms']} ms"


def _not_taken(delivery: Json) -> Failed:
    number, error = delivery["id"], delivery["last_error"]
    if error is None:
        return Failed(
            "still_waiting",
            f"Pengiriman {number} belum dicoba; tetap dalam antrean.",
            f"Delivery {number} hasn't been tried yet; it stays in the queue.",
        )
    return Failed(error, f"Pengiriman {number} gagal: {error}.", f"Delivery {number} was not taken: {error}.")
