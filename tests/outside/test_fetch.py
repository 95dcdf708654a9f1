"""Fetching, from a real server on 127.0.0.1, which has to be allowed for it; everything else goes nowhere."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import trustme

from talkabiz.domain.errors import TalkabizError
from talkabiz.domain.media_errors import UrlBadType, UrlRefused, UrlTimeout, UrlTooLarge, UrlUnreachable
from talkabiz.outside import fetch, names as resolver
from talkabiz.outside.fetch import MOST_AT_ONCE, MOST_REDIRECTS, Fetcher
from talkabiz.outside.guard import Guard
from talkabiz.services.fetching import Fetched
from tests.outside.server import NAME, Server, answer, certificate, redirect
from tests.outside.test_guard import INSIDE

Make = Callable[..., Fetcher]
LOOPBACK = "127.0.0.1/32"


@dataclass
class Names:
    """A resolver of the test's own: the answers of each name, one after the other; the last one stays."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, _: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("no such name")
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def names() -> Names:
    return Names({NAME: [["127.0.0.1"]], "other.test": [["127.0.0.1"]]})


@pytest.fixture(name="make")
async def _make(names: Names, trust: ssl.SSLContext) -> AsyncIterator[Make]:
    made: list[Fetcher] = []

    def make(*allow: str) -> Fetcher:
        made.append(Fetcher(Guard(allow or (LOOPBACK,)), resolve=names, trust=trust))
        return made[-1]

    yield make
    for fetcher in made:
        fetcher.close()


async def take(fetcher: Fetcher, url: str, *, most: int = 1000, seconds: float = 5) -> tuple[bytes, Fetched]:
    pieces = bytearray()

    async def into(piece: bytes) -> None:
        pieces.extend(piece)
        assert len(pieces) <= most

    told = await fetcher.fetch(url, into, most_bytes=most, seconds=seconds)
    return bytes(pieces), told


@contextmanager
def refused(kind: type[TalkabizError], within: float = 3) -> Iterator[None]:
    begun = time.monotonic()
    with pytest.raises(kind) as caught:
        yield
    assert caught.value.code == kind.code
    assert time.monotonic() - begun < within


async def test_a_file_arrives_as_it_is_and_with_what_the_server_says_of_it(make: Make, server: Server) -> None:
    headers = {"Content-Type": "Image/PNG; x=y", "Content-Disposition": "attachment; filename*=UTF-8''f%C3%B6to.png"}
    server.answers["/a?b=c"] = answer(b"\x89PNG\x00\xff", headers=headers)

    body, told = await take(make(), server.url("/a?b=c#d"))

    assert body == b"\x89PNG\x00\xff"
    assert told == Fetched("image/png", "föto.png", 6)
    head = server.heads[0].splitlines()
    assert head[0] == "GET /a?b=c HTTP/1.1"
    assert {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in head[1:] if line} == {
        "host": f"{NAME}:{server.port}",
        "user-agent": "Talkabiz/0.1.0",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }


async def test_without_a_word_of_the_server_the_address_names_the_file(make: Make, server: Server) -> None:
    server.answers["/x/struk%20belanja.pdf"] = answer(b"x")

    assert (await take(make(), server.url("/x/struk%20belanja.pdf")))[1] == Fetched(None, "struk belanja.pdf", 1)


# --- who may be asked -------------------------------------------------------------------------------------------------


async def test_a_server_here_is_refused_unless_it_is_allowed(make: Make, server: Server) -> None:
    for host in (NAME, "127.0.0.1", "localhost"):
        with refused(UrlRefused):
            await take(make("elsewhere.test"), server.url(host=host))

    assert server.heads == []


@pytest.mark.parametrize("inside", INSIDE)
async def test_a_name_that_leads_inside_is_refused(make: Make, names: Names, inside: str) -> None:
    names.answers["sly.test"] = [["1.1.1.1", inside]]

    with refused(UrlRefused):
        await take(make("10.9.9.9/32"), "https://sly.test/")


@pytest.mark.parametrize("inside", [*INSIDE, "2130706433", "0x7f.1", "0177.0.0.1", "user@files.test", "sly.test"])
async def test_a_redirect_inside_is_refused(make: Make, names: Names, server: Server, inside: str) -> None:
    names.answers["sly.test"] = [["10.0.0.1"]]
    host = f"[{inside.replace('%', '%25')}]" if ":" in inside else inside
    server.answers["/"] = redirect(f"https://{host}/latest/meta-data")

    with refused(UrlRefused):
        await take(make(f"{NAME}:{server.port}"), server.url())

    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "to", ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "//me@example.com/", "https://[::1"]
)
async def test_a_redirect_to_what_may_not_be_asked_is_refused(make: Make, server: Server, to: str) -> None:
    server.answers["/"] = redirect(to)

    with refused(UrlRefused):
        await take(make(f"{NAME}:{server.port}"), server.url())


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_to_what_may_be_asked_is_followed(make: Make, server: Server, status: str) -> None:
    server.answers |= {"/": redirect("../b", status), "/b": answer(b"here")}

    assert (await take(make(), server.url()))[0] == b"here"


async def test_only_so_many_redirects_are_followed(make: Make, server: Server) -> None:
    server.answers |= {f"/{n}": redirect(f"/{n + 1}") for n in range(9)}
    server.answers[f"/{MOST_REDIRECTS}"] = answer(b"the last that counts")
    assert (await take(make(), server.url("/0")))[0] == b"the last that counts"

    server.answers[f"/{MOST_REDIRECTS}"] = redirect("/9")
    server.heads.clear()
    with refused(UrlRefused):
        await take(make(), server.url("/0"))
    assert len(server.heads) == MOST_REDIRECTS + 1


async def test_a_name_that_changes_its_mind_is_asked_once_and_taken_at_its_word(
    make: Make, names: Names, server: Server
) -> None:
    names.answers[NAME] = [["127.0.0.1"], ["127.0.0.2"]]
    server.answers["/"] = answer(b"as judged")

    assert (await take(make(), server.url()))[0] == b"as judged"
    assert names.asked == [NAME]

    with refused(UrlRefused):  # 127.0.0.2 isn't allowed
        await take(make(), server.url())
    assert len(server.heads) == 1


async def test_a_name_that_changes_its_mind_between_two_redirects_is_judged_again(
    make: Make, names: Names, server: Server
) -> None:
    names.answers[NAME] = [["127.0.0.1"], ["169.254.169.254"]]
    server.answers |= {"/": redirect("/b"), "/b": answer(b"no")}

    with refused(UrlRefused):
        await take(make(), server.url())

    assert names.asked == [NAME, NAME]
    assert len(server.heads) == 1


async def test_of_several_machines_the_next_is_tried_where_one_takes_no_connection(
    make: Make, names: Names, server: Server
) -> None:
    names.answers[NAME] = [["127.0.0.9", "127.0.0.1"]]  # nobody listens at the first
    server.answers["/"] = answer(b"x")

    assert (await take(make("127.0.0.0/8"), server.url()))[0] == b"x"


async def test_plain_http_is_for_allowed_hosts(make: Make, plain_server: Server) -> None:
    plain_server.answers["/"] = answer(b"x")
    url = f"http://{NAME}:{plain_server.port}/"

    assert (await take(make(f"{NAME}:{plain_server.port}"), url))[0] == b"x"
    with refused(UrlRefused):
        await take(make("other.test"), url)


# --- whom we believe --------------------------------------------------------------------------------------------------


async def test_a_certificate_for_another_name_is_not_believed(make: Make, server: Server) -> None:
    server.answers["/"] = answer(b"x")

    for host in ("other.test", "127.0.0.1"):
        with refused(UrlUnreachable):
            await take(make(), server.url(host=host))

    assert server.heads == []


async def test_a_certificate_for_a_number_is_believed_for_it(make: Make, authority: trustme.CA) -> None:
    async with Server().running(certificate(authority, "127.0.0.1")) as numbered:
        numbered.answers["/"] = answer(b"x")

        assert (await take(make(), numbered.url(host="127.0.0.1")))[0] == b"x"


async def test_a_certificate_of_an_authority_of_others_is_not_believed(
    names: Names, server: Server, authority: trustme.CA, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by SSL_CERT_FILE either, which says whom the WhatsApp library believes."""
    authority.cert_pem.write_to_path(f"{tmp_path}/ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", f"{tmp_path}/ca.pem")
    fetcher = Fetcher(Guard((LOOPBACK,)), resolve=names)

    with refused(UrlUnreachable):
        await take(fetcher, server.url())

    fetcher.close()
    assert server.heads == []


async def test_a_proxy_of_the_environment_is_not_used(
    make: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answers["/"] = answer(b"x")

    assert (await take(make(), server.url()))[0] == b"x"


# --- what may come ----------------------------------------------------------------------------------------------------


async def test_a_size_that_is_announced_and_too_large_is_refused_before_it_comes(make: Make, server: Server) -> None:
    server.answers["/"] = answer(headers={"Content-Length": "1001"})

    with refused(UrlTooLarge):
        await take(make(), server.url())


async def test_as_much_as_allowed_is_taken(make: Make, server: Server) -> None:
    server.answers["/"] = answer(bytes(1000))

    assert len((await take(make(), server.url()))[0]) == 1000


@pytest.mark.parametrize("head", [b"Transfer-Encoding: chunked", b"Connection: close"])
async def test_a_body_without_end_is_cut_at_the_limit(make: Make, server: Server, head: bytes) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        while True:
            writer.write(b"100\r\n" + bytes(256) + b"\r\n")
            await writer.drain()

    server.answers["/"] = endless

    with refused(UrlTooLarge):
        await take(make(), server.url())


async def test_an_answer_that_begins_without_end_is_cut_off(make: Make, server: Server) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()

    server.answers["/"] = endless
    with refused(UrlUnreachable, 4):
        await take(make(), server.url(), most=10**9)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x"])
async def test_what_is_packed_is_refused_unopened(make: Make, server: Server, encoding: str) -> None:
    bomb = gzip.compress(bytes(1_000_000))
    server.answers["/"] = answer(bomb, headers={"Content-Encoding": encoding, "Content-Type": "image/png"})

    with refused(UrlBadType):
        await take(make(), server.url(), most=10_000)


async def test_a_server_that_never_answers_is_given_up(make: Make, server: Server) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    server.answers["/"] = silent

    with refused(UrlTimeout):
        await take(make(), server.url(), seconds=0.3)


async def test_a_body_that_trickles_is_given_up_when_the_whole_time_is_over(make: Make, server: Server) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(headers={"Content-Length": "900"}))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    server.answers["/"] = trickle

    with refused(UrlTimeout):
        await take(make(), server.url(), seconds=0.4)


async def test_redirects_share_one_time(make: Make, server: Server) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(redirect("/"))

    server.answers["/"] = slow

    with refused(UrlTimeout, within=1):
        await take(make(), server.url(), seconds=0.5)


async def test_a_name_that_nobody_answers_for_is_given_up(make: Make, server: Server, trust: ssl.SSLContext) -> None:
    async def never(*_: object) -> Sequence[str]:
        await asyncio.sleep(30)
        return ()

    fetcher = Fetcher(Guard((LOOPBACK,)), resolve=never, trust=trust)
    with refused(UrlTimeout):
        await take(fetcher, server.url(), seconds=0.2)
    fetcher.close()


class System:
    """The machine's resolver: names that end in .dead are asked for until `ends`, others are there at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.ends = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", self._answer)

    def _answer(self, host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        if host.endswith(".dead"):
            self.ends.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture(name="system")
def _system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    system = System(monkeypatch)
    yield system
    system.ends.set()


@pytest.fixture(name="asking")
async def _asking(system: System, trust: ssl.SSLContext) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(Guard((LOOPBACK,)), trust=trust)
    yield fetcher
    system.ends.set()
    fetcher.close()


async def give_up(fetcher: Fetcher, *hosts: str) -> None:
    async def one(host: str) -> None:
        with refused(UrlTimeout):
            await take(fetcher, f"https://{host}/", seconds=0.2)

    await asyncio.gather(*(one(host) for host in hosts))


async def test_names_that_nobody_answers_for_leave_threads_to_others(
    asking: Fetcher, system: System, server: Server
) -> None:
    server.answers["/"] = answer(b"x")
    for number in range(2):
        await give_up(asking, *(f"{number}-{n}.dead" for n in range(MOST_AT_ONCE)))

    assert (await take(asking, server.url()))[0] == b"x"
    assert len(system.asked) == 2 * MOST_AT_ONCE + 1


async def test_what_waits_for_a_thread_and_is_given_up_is_never_asked(
    trust: ssl.SSLContext, system: System, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MOST_NAMES", 2)
    fetcher = Fetcher(Guard((LOOPBACK,)), trust=trust)
    server.answers["/"] = answer(b"x")
    await give_up(fetcher, "a.dead", "b.dead", "c.dead", "c.dead", "d.dead")
    assert sorted(system.asked) == ["a.dead", "b.dead"]
    system.ends.set()

    assert (await take(fetcher, server.url()))[0] == b"x"
    assert sorted(system.asked) == ["a.dead", "b.dead", NAME]
    fetcher.close()


async def test_a_name_is_asked_for_once_however_many_want_it(asking: Fetcher, system: System) -> None:
    for _ in range(3):
        await give_up(asking, *["a.dead"] * MOST_AT_ONCE)

    assert system.asked == ["a.dead"]


async def test_a_name_that_nobody_answers_for_is_left_alone_for_a_while(
    asking: Fetcher, system: System, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(resolver, "SILENT_SECONDS", 0.5)
    await give_up(asking, "a.dead")
    with refused(UrlUnreachable, within=0.15):  # while the system still asks
        await take(asking, "https://a.dead/")
    system.ends.set()
    await asyncio.sleep(0.1)
    with refused(UrlUnreachable, within=0.15):
        await take(asking, "https://a.dead/")
    assert system.asked == ["a.dead"]
    await asyncio.sleep(0.5)

    with refused(UrlUnreachable):
        await take(asking, "https://a.dead/")
    assert system.asked == ["a.dead", "a.dead"]


async def test_a_name_that_is_not_there_is_asked_for_whenever_it_is_wanted(asking: Fetcher, system: System) -> None:
    system.ends.set()
    for _ in range(2):
        with refused(UrlUnreachable):
            await take(asking, "https://a.dead/")
    assert len(system.asked) == 2


async def test_a_body_in_pieces_of_one_byte_is_given_up_before_it_takes_long(make: Make, server: Server) -> None:
    sent = 0

    async def crumbs(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n" * 100)
            sent += 100
            await writer.drain()

    server.answers["/"] = crumbs
    began = time.process_time()
    with refused(UrlUnreachable):
        await take(make(), server.url(), most=10**6, seconds=20)
    assert time.process_time() - began < 2, "of this process, which sends them, too"


async def test_small_pieces_are_taken_where_there_are_not_many(make: Make, server: Server) -> None:
    server.answers["/"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1500 + b"0\r\n\r\n"
    assert (await take(make(), server.url(), most=10**6))[0] == b"x" * 1500


@pytest.mark.parametrize(
    "bad",
    [
        answer(b"x", "404 Not Found"),
        answer(b"x", "206 Partial Content"),
        answer(b"x", "500 Oops"),
        answer(status="302 Found"),  # without saying where
        answer(b"x", headers={"Content-Length": "2"}),  # ends too early
        answer(b"x", headers={"Content-Length": "many"}),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
        b"",
    ],
    ids=lambda bad: bad[:40].decode(),
)
async def test_an_answer_without_a_file_is_none(make: Make, server: Server, bad: bytes) -> None:
    server.answers["/"] = bad

    with refused(UrlUnreachable):
        await take(make(), server.url())


async def test_nobody_at_home(make: Make) -> None:
    with refused(UrlUnreachable):
        await take(make(), "https://files.test:1/")
    with refused(UrlUnreachable):
        await take(make(), "https://nowhere.test/")


async def test_a_name_without_any_machine(make: Make, names: Names) -> None:
    names.answers["empty.test"] = [[]]

    with refused(UrlUnreachable):
        await take(make(), "https://empty.test/")


async def test_the_machine_s_own_resolver_is_asked_where_no_other_is_given(
    server: Server, trust: ssl.SSLContext
) -> None:
    server.answers["/"] = answer(b"x")
    fetcher = Fetcher(Guard(("localhost",)), trust=trust)

    with refused(UrlUnreachable):  # it was reached, and its certificate is for another name
        await take(fetcher, server.url(host="localhost"))
    with refused(UrlRefused):
        await take(fetcher, "https://localhost.localdomain.127.0.0.1/")
    fetcher.close()
