"""Who is taken for the client, behind proxies of ours and behind strangers."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from talkabiz.forwarded import MOST_HOPS, Forwarded

TRUSTED = [ipaddress.ip_network(text) for text in ("127.0.0.1", "10.0.0.0/8", "2001:db8:f::/48")]
CLIENT = "203.0.113.9"

Headers = list[tuple[str, str]]


async def seen(
    *headers: tuple[str, str | bytes], peer: str | None = "127.0.0.1", trusted: Any = TRUSTED, **scope: Any
) -> dict[str, Any]:
    """The scope that the application gets."""
    found: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], receive: object, send: object) -> None:
        found.append(scope)

    raw = [(name.encode(), value if isinstance(value, bytes) else value.encode("latin-1")) for name, value in headers]
    given = {"type": "http", "scheme": "http", "client": (peer, 50000) if peer is not None else None, "headers": raw}
    await Forwarded(app, trusted)({**given, **scope}, None, None)
    return found[0]


async def client_of(*headers: tuple[str, str | bytes], **how: Any) -> str:
    return str((await seen(*headers, **how))["client"][0])


# --- the client -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "client"),
    [
        (CLIENT, CLIENT),
        (f"1.1.1.1, {CLIENT}", CLIENT),
        (f"127.0.0.1,10.0.0.1, {CLIENT} ,10.0.0.2", CLIENT),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        (f"{CLIENT}:4711", CLIENT),
        (f"::ffff:{CLIENT}", CLIENT),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7, 2001:db8:f::1", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", "127.0.0.1"),
        (f"{CLIENT}, unknown", "127.0.0.1"),
        (f"{CLIENT}, unknown, 10.0.0.2", "10.0.0.2"),
        (f"{CLIENT}, , 10.0.0.2", "10.0.0.2"),
        (f"{CLIENT},", "127.0.0.1"),
        ("", "127.0.0.1"),
        (",,,", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("_hidden", "127.0.0.1"),
        ("203.0.113.999", "127.0.0.1"),
        ("[203.0.113.9", "127.0.0.1"),
        ("[[::1]]", "127.0.0.1"),
        ("<script>", "127.0.0.1"),
        ("caf\xe9", "127.0.0.1"),
        ("\u00b2\u00b9.1.1.1", "127.0.0.1"),
        ("1" * 5000, "127.0.0.1"),
    ],
)
async def test_behind_our_proxies_the_client_is_the_first_address_that_is_none_of_them(way: str, client: str) -> None:
    assert await client_of(("x-forwarded-for", way)) == client


@pytest.mark.parametrize("peer", ["203.0.113.50", "2001:db8:e::1", "<local>", "", None, "127.0.0.2"])
async def test_from_anybody_else_the_headers_change_nothing(peer: str | None) -> None:
    headers = [
        *(("host", "wa.example.com"), ("x-forwarded-for", CLIENT), ("forwarded", f"for={CLIENT}")),
        *(("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.example")),
    ]
    scope = await seen(*headers, peer=peer)
    assert scope["client"] == ((peer, 50000) if peer is not None else None)
    assert (scope["scheme"], len(scope["headers"])) == ("http", 5)
    assert scope["headers"][0] == (b"host", b"wa.example.com")


async def test_where_no_proxy_is_trusted_nothing_is_believed() -> None:
    assert await client_of(("x-forwarded-for", CLIENT), trusted=()) == "127.0.0.1"


@pytest.mark.parametrize("peer", ["::ffff:127.0.0.1", "::ffff:7f00:1"])
async def test_a_proxy_is_known_also_where_ipv4_comes_in_ipv6(peer: str) -> None:
    assert await client_of(("x-forwarded-for", CLIENT), peer=peer) == CLIENT


async def test_several_lines_are_one_list_in_their_order() -> None:
    lines = [
        ("x-forwarded-for", "1.1.1.1"),
        ("X-Forwarded-For", f"{CLIENT}, 10.0.0.1"),
        ("x-forwarded-for", "10.0.0.2"),
    ]
    assert await client_of(*lines) == CLIENT


async def test_a_list_of_ten_thousand_is_walked_only_so_far() -> None:
    assert await client_of(("x-forwarded-for", ",".join([CLIENT] * 10_000))) == CLIENT
    far = ",".join([CLIENT, *(f"10.0.{number // 256}.{number % 256}" for number in range(10_000))])
    last = 10_000 - MOST_HOPS
    assert await client_of(("x-forwarded-for", far)) == f"10.0.{last // 256}.{last % 256}"


@pytest.mark.parametrize(
    ("way", "client"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"For={CLIENT};proto=https;by=10.0.0.1", CLIENT),
        (f'proto=https; for="{CLIENT}:4711"', CLIENT),
        ('for="[2001:db8::7]:4711"', "2001:db8::7"),
        (f"for=1.1.1.1, for={CLIENT}, for=10.0.0.1", CLIENT),
        ("for=unknown", "127.0.0.1"),
        ("for=_gazonk", "127.0.0.1"),
        ("proto=https", "127.0.0.1"),
        (f"for={CLIENT};for=1.1.1.1", "127.0.0.1"),
        (f'for="{CLIENT}, for=1.1.1.1"', "127.0.0.1"),
        (f"for={CLIENT}, nonsense", "127.0.0.1"),
        (f"before={CLIENT}", "127.0.0.1"),
    ],
)
async def test_the_header_of_rfc_7239_says_the_same(way: str, client: str) -> None:
    assert await client_of(("forwarded", way)) == client


async def test_of_two_headers_that_differ_neither_is_believed() -> None:
    """One is what the client wrote and a proxy that doesn't know it passed on."""
    assert await client_of(("x-forwarded-for", CLIENT), ("forwarded", f"for={CLIENT}")) == CLIENT
    assert await client_of(("x-forwarded-for", CLIENT), ("forwarded", "for=1.1.1.1")) == "127.0.0.1"
    assert await client_of(("x-forwarded-for", "1.1.1.1"), ("forwarded", f"for={CLIENT}")) == "127.0.0.1"
    assert await client_of(("x-forwarded-for", CLIENT), ("forwarded", "")) == "127.0.0.1"


# --- scheme and host --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "proto", "scheme"),
    [
        ("http", "https", "https"),
        ("http", "HTTPS", "https"),
        ("http", "http", "http"),
        ("websocket", "https", "wss"),
        ("websocket", "http", "ws"),
        ("http", "https, http", "as it came"),
        ("http", "ftp", "as it came"),
        ("http", "wss", "as it came"),
        ("http", "", "as it came"),
        ("websocket", "javascript:", "as it came"),
    ],
)
async def test_our_proxy_says_how_the_client_came(kind: str, proto: str, scheme: str) -> None:
    assert (await seen(("x-forwarded-proto", proto), type=kind, scheme="as it came"))["scheme"] == scheme


@pytest.mark.parametrize(
    ("host", "known_by"),
    [
        ("wa.example.com", "wa.example.com"),
        ("wa.example.com:8443", "wa.example.com:8443"),
        ("[2001:db8::7]:8443", "[2001:db8::7]:8443"),
        ("a.example, b.example", "inside:8000"),
        ("wa.example.com/path", "inside:8000"),
        ("me@wa.example.com", "inside:8000"),
        ("wa.example.com\r\nx: y", "inside:8000"),
        ("wa.example.com ", "wa.example.com"),
        ("b\xfccher.example", "inside:8000"),
        ("", "inside:8000"),
    ],
)
async def test_our_proxy_says_by_which_name_the_client_came(host: str, known_by: str) -> None:
    scope = await seen(("Host", "inside:8000"), ("accept", "*/*"), ("x-forwarded-host", host))
    hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
    assert hosts == [known_by.encode()]
    assert (b"accept", b"*/*") in scope["headers"]
    assert (b"x-forwarded-host", host.encode("latin-1")) in scope["headers"]


async def test_several_lines_of_what_should_be_one_are_left_alone() -> None:
    scope = await seen(
        *(("host", "inside"), ("x-forwarded-host", "a.example"), ("x-forwarded-host", "b.example")),
        *(("x-forwarded-proto", "https"), ("x-forwarded-proto", "https")),
    )
    assert (scope["scheme"], scope["headers"][0]) == ("http", (b"host", b"inside"))


async def test_what_is_no_request_passes_as_it_is() -> None:
    assert (await seen(("x-forwarded-for", CLIENT), type="lifespan"))["client"] == ("127.0.0.1", 50000)


async def test_the_request_itself_is_not_written_to() -> None:
    given: dict[str, Any] = {"state": {}, "headers": [(b"x-forwarded-for", CLIENT.encode()), (b"host", b"inside")]}
    before = {**given, "headers": list(given["headers"])}
    scope = await seen(**given)
    assert given == before
    assert scope["state"] is given["state"]


# --- whatever comes ---------------------------------------------------------------------------------------------------

_PIECES = st.sampled_from(
    [*"0123456789.:,;[]\"'= %\t", "for=", "unknown", "10.0.0.1", CLIENT, "::1", "\xe9", "::ffff:"]
)
_VALUES = st.lists(_PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode("latin-1")) | st.binary(max_size=60)
_NAMES = st.sampled_from(["x-forwarded-for", "forwarded", "x-forwarded-proto", "x-forwarded-host", "host"])


@given(st.lists(st.tuples(_NAMES, _VALUES), max_size=6), st.sampled_from(["http", "websocket"]))
async def test_whatever_a_proxy_passes_on_there_is_one_client_and_an_honest_scope(
    headers: list[tuple[str, bytes]], kind: str
) -> None:
    scope = await seen(*headers, type=kind)
    ipaddress.ip_address(scope["client"][0])
    assert scope["scheme"] in {"http", "https", "ws", "wss"}
    before = [value for name, value in headers if name == "host"]
    after = [value for name, value in scope["headers"] if name == b"host"]
    assert after == before or (len(after) == 1 and after[0].isascii())


@given(_VALUES)
async def test_what_a_client_writes_of_itself_never_makes_it_another_one(forged: bytes) -> None:
    """A proxy that appends, as they do, has the last word."""
    assert await client_of(("x-forwarded-for", forged + b", " + CLIENT.encode())) == CLIENT
    assert await client_of(("x-forwarded-for", forged), ("x-forwarded-for", CLIENT)) == CLIENT
