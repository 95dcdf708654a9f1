"""What may be asked of whom: every way to write an address that is inside, and a few that are out."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest

from talkabiz.domain.media_errors import UrlRefused
from talkabiz.outside.guard import LONGEST_URL, Guard, is_public

INSIDE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255"),  # noqa: S104
    *("127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("192.31.196.1", "192.52.193.1", "192.175.48.1"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:53aa:64c::1"),
    *("2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2620:4f:8000::1", "3ffe::1"),
    *("3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1"),
    *("2606:4700::1111%eth0", "fe80::1%1"),
]
OUTSIDE = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.255.255"),
    *("172.32.0.1", "192.167.255.255", "192.169.0.1", "223.255.255.255", "168.63.129.17"),
    *("2606:4700:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "2400:cb00::1"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
def test_a_machine_inside_is_refused_by_its_number(address: str) -> None:
    written = f"[{address.replace('%', '%25')}]" if ":" in address else address

    with pytest.raises(UrlRefused):
        _judge(f"https://{written}/a.png")


@pytest.mark.parametrize("port", ["0", "65536", "99999999999999999999"])
def test_a_port_that_there_cannot_be_is_refused_whatever_is_allowed(port: str) -> None:
    for allow in ((), ("127.0.0.1/32",), ("localhost",)):
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(UrlRefused):
                Guard(allow).read(f"http://{host}:{port}/")


def test_an_address_without_a_host_takes_no_time() -> None:
    began = time.perf_counter()
    for _ in range(10):
        with pytest.raises(UrlRefused):
            Guard().read("https:" + "a" * 4000)
    assert time.perf_counter() - began < 0.05


def _judge(url: str, *machines: str, allow: tuple[str, ...] = ()) -> None:
    guard = Guard(allow)
    target = guard.read(url)
    guard.judge(target, [target.address] if target.address else map(ip_address, machines))


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "017700000001", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0x0.0x0.0x1"),
        *("127.0.0.01", "0", "0x", "a.1", "a.0x7f", "127.0.0.1.", "2130706433.", "127.0.0.256", "1.2.3.4.5"),
        *("１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "%31%32%37.0.0.1", "127.0.0.1%00.a.com", "127.0.0.1%2f.a.com"),
        *("[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::1", "::1", "[127.0.0.1]", "", "a..b", ".a.com"),
        *("-.com\\", "a" * 64 + ".com", ".".join(["a" * 60] * 5), "ex*mple.com", "a,b.com", "a b.com"),
    ],
)  # fmt: skip
def test_a_host_that_is_written_so_that_others_read_it_otherwise_is_refused(host: str) -> None:
    with pytest.raises(UrlRefused):
        _judge(f"https://{host}/a.png", "1.1.1.1")


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/a", "ftp://example.com/a", "file:///etc/passwd", "gopher://example.com/", "data:,a", ""),
        *("//example.com/a", "example.com/a", "https:example.com", "https:/example.com", "javascript:1", "HTTP://a.com"),
        *("https://example.com:80/", "https://example.com:8443/", "https://example.com:22/", "https://example.com:0/"),
        *("https://example.com:65536/", "https://example.com:-1/", "https://example.com:4a/", "http://example.com:443/"),
        *("https://user:secret@example.com/", "https://user@example.com/", "https://@example.com/", "https://:@a.com/"),
        *("https://example.com\\@127.0.0.1/", "https://127.0.0.1\\@example.com/", "https://a.com%40b.com@c.com"),
        *("https://example.com/a\r\nHost: b", "https://example.com/ a", "https://example.com/\x00", "https://a.com/\u202e"),
        "https://example.com/" + "a" * LONGEST_URL,
    ],
    ids=lambda url: url[:60].encode("unicode_escape").decode() or "empty",
)  # fmt: skip
def test_an_address_is_refused_by_its_form(url: str) -> None:
    with pytest.raises(UrlRefused):
        _judge(url, "1.1.1.1")


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com", "https://example.com:443/a?b=c#d", "HTTPS://EXAMPLE.COM/", "https://example.com./"),
        *("https://a_b.example.com/", "https://bücher.de/", "https://1.1.1.1/", "https://[2606:4700:4700::1111]/a"),
        *("https://1.1.1.1.example.com/", "https://example.com/@127.0.0.1", "https://example.com?@127.0.0.1"),
        *("https://example.com#@127.0.0.1", "https://xn--bcher-kva.de/", "https://example.com/%00"),
    ],
)
def test_a_public_server_may_be_asked(url: str) -> None:
    _judge(url, "1.1.1.1", "2606:4700:4700::1111")


@pytest.mark.parametrize("inside", INSIDE)
def test_a_name_that_leads_inside_is_refused_whatever_else_it_leads_to(inside: str) -> None:
    for machines in ([inside], ["1.1.1.1", inside], [inside, "1.1.1.1"]):
        with pytest.raises(UrlRefused):
            _judge("https://example.com/", *machines)


@pytest.mark.parametrize(
    ("allow", "url", "machine"),
    [
        ("localhost:9000", "http://localhost:9000/a", "127.0.0.1"),
        ("localhost", "http://localhost:9000/a", "127.0.0.1"),
        ("localhost", "https://LOCALHOST./a", "::1"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000/a", "127.0.0.1"),
        ("10.0.5.0/24", "http://10.0.5.7:8080/a", "10.0.5.7"),
        ("10.0.5.0/24", "http://shop.internal/a", "10.0.5.7"),
        ("fd00::/8", "http://[fd00::1]/a", "fd00::1"),
        ("shop.internal", "http://shop.internal/a", "192.168.1.1"),
    ],
)
def test_what_the_operator_allows_may_be_asked(allow: str, url: str, machine: str) -> None:
    _judge(url, machine, allow=(allow,))


@pytest.mark.parametrize(
    ("allow", "url", "machine"),
    [
        ("localhost:9000", "http://localhost:9001/a", "127.0.0.1"),
        ("localhost:9000", "http://localhost/a", "127.0.0.1"),
        ("localhost", "http://127.0.0.1/a", "127.0.0.1"),
        ("localhost", "http://a.localhost/a", "127.0.0.1"),
        ("10.0.5.0/24", "http://10.0.6.7/a", "10.0.6.7"),
        ("10.0.5.0/24", "https://10.0.6.7/a", "10.0.6.7"),
        ("10.0.5.0/24", "http://example.com/a", "1.1.1.1"),
        ("10.0.5.0/24", "https://example.com:8443/a", "1.1.1.1"),
        ("localhost", "ftp://localhost/a", "127.0.0.1"),
        ("localhost", "http://me:you@localhost/a", "127.0.0.1"),
    ],
)
def test_nothing_beside_that_may(allow: str, url: str, machine: str) -> None:
    with pytest.raises(UrlRefused):
        _judge(url, machine, allow=(allow,))
