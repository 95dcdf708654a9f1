"""Posting, to a real server on 127.0.0.1, which has to be allowed for it; everything else goes nowhere."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from talkabiz.domain.media_errors import UrlRefused
from talkabiz.domain.webhook_errors import ADDRESS_REFUSED
from talkabiz.outside.guard import Guard
from talkabiz.outside.post import MOST_AT_ONCE, MOST_KEPT, MOST_READ, Poster
from tests.outside.server import NAME, Server, answer, redirect
from tests.outside.test_fetch import LOOPBACK, Names
from tests.outside.test_guard import INSIDE

Make = Callable[..., Poster]
BODY = b'{"type":"ping"}'


@pytest.fixture
def names() -> Names:
    return Names({NAME: [["127.0.0.1"]], "other.test": [["127.0.0.1"]]})


@pytest.fixture(name="make")
async def _make(names: Names, trust: ssl.SSLContext) -> AsyncIterator[Make]:
    made: list[Poster] = []

    def make(*allow: str) -> Poster:
        made.append(Poster(Guard(allow or (LOOPBACK,)), resolve=names, trust=trust))
        return made[-1]

    yield make
    for poster in made:
        poster.close()


async def error_of(poster: Poster, url: str, seconds: float = 5.0) -> tuple[int | None, str | None]:
    heard = await poster.post(url, BODY, {}, seconds)
    return heard.status, heard.error


async def test_the_body_and_the_headers_arrive_as_they_are(make: Make, server: Server) -> None:
    bodies: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        server.heads.append(head.decode())
        bodies.append(await reader.readexactly(len(BODY)))
        writer.write(answer(b"thanks", "202 Accepted"))
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(read, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        url = f"http://{NAME}:{port}/a?b=c#d"
        heard = await make().post(url, BODY, {"Content-Type": "application/json", "User-Agent": "Talkabiz-Webhooks/1"})

    assert (heard.status, heard.error, heard.body, heard.retry_after) == (202, None, b"thanks", None)
    assert 0 <= heard.latency_ms < 5000
    assert bodies == [BODY]
    head = server.heads[0].splitlines()
    assert head[0] == "POST /a?b=c HTTP/1.1"
    assert {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in head[1:] if line} == {
        "host": f"{NAME}:{port}",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "user-agent": "Talkabiz-Webhooks/1",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }


@pytest.mark.parametrize("status", [200, 201, 204, 400, 404, 410, 500, 503])
async def test_an_answer_is_no_error_whatever_its_status(make: Make, server: Server, status: int) -> None:
    server.answers["/"] = answer(status=f"{status} So")

    assert await error_of(make(), server.url()) == (status, None)


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_not_followed(make: Make, server: Server, status: int) -> None:
    server.answers |= {"/": redirect("/b", f"{status} There"), "/b": answer()}

    assert await error_of(make(), server.url()) == (status, "redirected")
    assert len(server.heads) == 1


# --- how it fails -----------------------------------------------------------------------------------------------------


async def test_nobody_at_home(make: Make) -> None:
    assert await error_of(make(), f"https://{NAME}:1/") == (None, "refused")


async def test_a_name_that_leads_nowhere(make: Make, names: Names) -> None:
    names.answers["empty.test"] = [[]]

    assert await error_of(make(), "https://nowhere.test/") == (None, "unreachable")
    assert await error_of(make(), "https://empty.test/") == (None, "unreachable")


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
async def test_a_certificate_for_another_name(make: Make, server: Server, host: str) -> None:
    assert await error_of(make(), server.url(host=host)) == (None, "tls")
    assert server.heads == []


async def test_a_certificate_of_an_authority_of_others(names: Names, server: Server) -> None:
    poster = Poster(Guard((LOOPBACK,)), resolve=names)

    assert await error_of(poster, server.url()) == (None, "tls")
    poster.close()
    assert server.heads == []


async def test_a_server_that_speaks_no_tls(make: Make) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(status="400 What"))
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as listening:
        url = f"https://{NAME}:{listening.sockets[0].getsockname()[1]}/"
        assert await error_of(make(), url) == (None, "tls")


async def test_a_server_that_never_answers(make: Make, server: Server) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    server.answers["/"] = silent
    begun = time.monotonic()

    assert await error_of(make(), server.url(), 0.3) == (None, "timeout")
    assert time.monotonic() - begun < 2


async def test_a_server_that_takes_the_connection_and_no_word(names: Names, trust: ssl.SSLContext) -> None:
    poster = Poster(Guard((LOOPBACK,)), resolve=names, trust=trust, connect_seconds=0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        for scheme in ("https", "http"):
            url = f"{scheme}://{NAME}:{deaf.getsockname()[1]}/"
            assert await error_of(poster, url, 0.5) == (None, "timeout")
    poster.close()


async def test_a_name_that_nobody_answers_for(trust: ssl.SSLContext) -> None:
    async def never(*_: object) -> Sequence[str]:
        await asyncio.sleep(30)
        return ()

    poster = Poster(Guard(), resolve=never, trust=trust)
    assert await error_of(poster, "https://slow.test/", 0.2) == (None, "timeout")
    poster.close()


async def test_a_body_that_trickles(make: Make, server: Server) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(headers={"Content-Length": "900"}))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    server.answers["/"] = trickle

    heard = await make().post(server.url(), BODY, {}, 0.4)
    assert (heard.status, heard.error) == (200, "timeout")
    assert heard.body.startswith(b"xx")


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (b"", None),
        (b"SSH-2.0-OpenSSH_9.6\r\n", None),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, None),
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
        (answer(b"x", headers={"Content-Length": "many"}), None),
        (answer(b"x", headers={"Content-Length": "2"}), 200),
        (answer(b"5\r\nab", headers={"Transfer-Encoding": "chunked", "Content-Length": "0"}), 200),
    ],
    ids=lambda bad: str(bad)[:40],
)
async def test_an_answer_that_breaks_off_or_makes_no_sense(
    make: Make, server: Server, bad: bytes, status: int | None
) -> None:
    server.answers["/"] = bad

    assert await error_of(make(), server.url()) == (status, "cut_off")


# --- how much is read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [b"Transfer-Encoding: chunked", b"Connection: close", b"Content-Length: 1073741824"])
async def test_a_body_without_end_is_read_so_far_and_counts(make: Make, server: Server, head: bytes) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        while True:
            writer.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
            sent += 10_000
            await writer.drain()

    server.answers["/"] = endless

    heard = await make().post(server.url(), BODY, {})
    assert (heard.status, heard.error, len(heard.body)) == (200, None, MOST_KEPT)
    assert sent < MOST_READ + 8_000_000, "what the kernel holds"


async def test_a_body_in_pieces_of_one_byte_is_not_read_to_its_end(make: Make, server: Server) -> None:
    async def hang_then(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1100)
        await asyncio.sleep(30)

    server.answers["/"] = hang_then

    heard = await make().post(server.url(), BODY, {}, 5)
    assert (heard.status, heard.error) == (200, None)


@pytest.mark.parametrize(
    ("begin", "status"),
    [(b"HTTP/1.1 100 Continue\r\n\r\n", None), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200)],
)
async def test_an_answer_that_never_comes_to_its_body_is_cut_off(
    make: Make, server: Server, begin: bytes, status: int | None
) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while True:
            writer.write(b"HTTP/1.1 102 Wait\r\n\r\n" if status is None else b"1;%s\r\nx\r\n" % (b"a" * 50_000))
            await writer.drain()

    server.answers["/"] = endless

    heard = await make().post(server.url(), BODY, {}, 5)
    assert (heard.status, heard.error) == (status, "cut_off")


@pytest.mark.parametrize("then", ["resets", "stays"])
async def test_who_answers_before_it_took_all_is_heard(make: Make, then: str) -> None:
    done, over = asyncio.Event(), asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.transport.pause_reading()  # type: ignore[attr-defined] # of a socket it has that
        writer.write(answer(b"no", "410 Gone"))
        if then == "resets":
            await asyncio.sleep(0.05)
            writer.transport.abort()
        await done.wait()
        writer.transport.abort()
        over.set()

    async with await asyncio.start_server(take, "127.0.0.1", 0, limit=1) as listening:
        port = listening.sockets[0].getsockname()[1]
        heard = await make().post(f"http://127.0.0.1:{port}/", b"x" * 3_000_000, {}, 10)
        done.set()
        await over.wait()
        await asyncio.sleep(0)  # the transport is closed in the loop's next round
    assert (heard.status, heard.error) == (410, None)


async def test_what_is_packed_is_kept_unopened(make: Make, server: Server) -> None:
    bomb = gzip.compress(bytes(10_000_000))[:1000]
    server.answers["/"] = answer(bomb, headers={"Content-Encoding": "gzip"})

    heard = await make().post(server.url(), BODY, {})
    assert (heard.status, heard.error, heard.body) == (200, None, bomb)


# --- Retry-After ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        *(("120", 120.0), (" 0 ", 0.0), ("-5", None), ("soon", None), ("", None), ("١٢", None), ("1e3", None)),
        *((f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", None), (f"Mon, 01 Jan 2030 00:00:00 +{'9' * 20}", None)),
    ],
)
async def test_how_long_to_wait_as_a_number(make: Make, server: Server, said: str, seconds: float | None) -> None:
    server.answers["/"] = (
        b"HTTP/1.1 429 Slow\r\nRetry-After: " + said.encode("utf-8") + b"\r\nContent-Length: 0\r\n\r\n"
    )

    assert (await make().post(server.url(), BODY, {})).retry_after == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(100, 95, 100), (-100, 0, 0)])
async def test_how_long_to_wait_as_a_date(make: Make, server: Server, ahead: int, least: float, most: float) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    server.answers["/"] = answer(status="503 Later", headers={"Retry-After": until})

    told = (await make().post(server.url(), BODY, {})).retry_after
    assert told is not None
    assert least <= told <= most


# --- whom one may post to ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", INSIDE)
async def test_nothing_is_posted_inside(make: Make, names: Names, inside: str) -> None:
    names.answers["sly.test"] = [["1.1.1.1", inside]]
    written = f"[{inside.replace('%', '%25')}]" if ":" in inside else inside

    for url in ("https://sly.test/", f"https://{written}/"):
        poster = make("10.9.9.9/32")
        assert await error_of(poster, url) == (None, "address_refused")
        with pytest.raises(UrlRefused):
            await poster.judge(url)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://me:you@example.com/", "ftp://a.com/", "https://0x7f.1/", "x"]
)
async def test_nothing_is_posted_to_an_address_of_another_form(make: Make, url: str) -> None:
    poster = make("other.test")

    assert await error_of(poster, url) == (None, "address_refused")
    with pytest.raises(UrlRefused):
        await poster.judge(url)


async def test_a_refusal_speaks_of_webhooks(make: Make) -> None:
    for url in ("https://ｅxample.com/", "https://127.0.0.1:99999/"):
        with pytest.raises(UrlRefused) as refused:
            await make().judge(url)
        assert refused.value.message == ADDRESS_REFUSED


async def test_a_name_that_changes_its_mind_after_it_was_saved_gets_nothing(
    make: Make, names: Names, server: Server
) -> None:
    names.answers[NAME] = [["1.1.1.1"], ["127.0.0.1"], ["169.254.169.254"]]
    poster = make("10.9.9.9/32")

    await poster.judge(f"https://{NAME}/")
    for _ in range(2):
        assert await error_of(poster, f"https://{NAME}/") == (None, "address_refused")
    assert len(names.asked) == 3


async def test_a_name_that_changes_its_mind_within_one_post_is_asked_once(
    make: Make, names: Names, server: Server
) -> None:
    names.answers[NAME] = [["127.0.0.1"], ["127.0.0.2"]]
    server.answers["/"] = answer()

    assert await error_of(make(), server.url()) == (200, None)
    assert names.asked == [NAME]


async def test_plain_http_is_for_allowed_hosts(make: Make, plain_server: Server) -> None:
    plain_server.answers["/"] = answer()
    url = f"http://{NAME}:{plain_server.port}/"

    assert await error_of(make(f"{NAME}:{plain_server.port}"), url) == (200, None)
    assert await error_of(make("other.test"), url) == (None, "address_refused")


async def test_a_name_that_leads_nowhere_yet_may_be_saved(make: Make) -> None:
    await make().judge("https://nowhere.test/")


async def test_a_proxy_of_the_environment_is_not_used(
    make: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answers["/"] = answer()

    assert await error_of(make(), server.url()) == (200, None)


async def test_many_who_ask_for_one_name_that_nobody_answers_for_hold_up_no_other(
    server: Server, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real, over = socket.getaddrinfo, threading.Event()

    def slow(host: str, *more: object, **options: object) -> object:
        asked.append(host)
        if host == "slow.test":
            over.wait(20)
            raise OSError
        return real(host, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    poster = Poster(Guard((LOOPBACK, "localhost")), trust=trust)
    stuck = [asyncio.create_task(error_of(poster, "https://slow.test/", 0.5)) for _ in range(100)]
    await asyncio.sleep(0.1)
    assert await error_of(poster, server.url(host="localhost"), 10) == (None, "tls")
    assert {(await each) for each in stuck} == {(None, "timeout")}
    assert asked.count("slow.test") == 1
    over.set()
    poster.close()


async def test_addresses_that_are_judged_hold_up_no_post(
    server: Server, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, over = socket.getaddrinfo, threading.Event()

    def slow(host: str, *more: object, **options: object) -> object:
        if host.endswith(".slow.test"):
            over.wait(20)
            raise OSError
        return real(host, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    poster = Poster(Guard((LOOPBACK, "localhost")), trust=trust)
    stuck = [asyncio.create_task(poster.judge(f"https://{n}.slow.test/")) for n in range(MOST_AT_ONCE)]
    await asyncio.sleep(0.1)
    assert await error_of(poster, server.url(host="localhost"), 2) == (None, "tls")
    over.set()
    await asyncio.gather(*stuck)
    poster.close()
