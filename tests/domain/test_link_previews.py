"""Links in texts, and what pages say of themselves; whoever wrote the page is taken for an attacker."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.link_previews import (
    LONGEST_DESCRIPTION,
    LONGEST_LINK,
    LONGEST_TITLE,
    Page,
    first_link,
    is_enough,
    page_of,
)

URL = "https://shop.example/promo/1"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("lihat https://a.example", "https://a.example"),
        ("https://a.example/x?y=1#z dan https://b.example", "https://a.example/x?y=1#z"),
        ("(https://a.example/x).", "https://a.example/x"),
        ("https://a.example/Sinar_(toko), ya", "https://a.example/Sinar_(toko)"),
        ("*https://a.example/x*", "https://a.example/x"),
        ("HTTPS://A.example/x!", "HTTPS://A.example/x"),
        ("di <https://a.example/x>", "https://a.example/x"),
        ("http://a.example lalu https://b.example", "https://b.example"),
        ("xhttps://a.example", None),
        ("https://", None),
        ("https://...", None),
        ("halo", None),
        ("", None),
        ("https://a.example/" + "x" * LONGEST_LINK, None),
    ],
)
def test_the_first_https_link_is_found_as_it_stands(text: str, link: str | None) -> None:
    assert first_link(text) == link
    assert link is None or link in text


@pytest.mark.parametrize("ending", [")", "]", ".", ")."])
def test_what_goes_on_behind_a_link_without_end_is_no_work(ending: str) -> None:
    begun = time.monotonic()
    assert first_link("https://a" + ending * 200_000) is None
    assert time.monotonic() - begun < 1
    assert first_link("https://a" + ending * 20) == "https://a"


@pytest.mark.parametrize(
    ("html", "page"),
    [
        ("<title>Toko &amp; Sinar</title>", Page("Toko & Sinar", "", "")),
        (
            '<title>x</title><meta property="og:title" content="Promo"><meta name="description" content="Murah">',
            Page("Promo", "Murah", ""),
        ),
        (
            "<META PROPERTY='OG:TITLE' CONTENT='Promo'/><meta name=description content=Murah>",
            Page("Promo", "Murah", ""),
        ),
        ("<title>x</title><meta property=og:image content='/a.png'>", Page("x", "", "https://shop.example/a.png")),
        ('<meta property="og:title" content=" "><title>\n Sinar\t Jaya </title>', Page("Sinar Jaya", "", "")),
        ('<meta property="og:title" content="satu"><meta property="og:title" content="dua">', Page("satu", "", "")),
        ("<title>satu</title><svg><title>dua</title></svg>", Page("satu", "", "")),
        ("</head><title>late</title>", Page("", "", "")),
        ("<body><meta property='og:title' content='late'>", Page("", "", "")),
        ('<meta property="og:image" content="https://[">', Page("", "", "")),
        ("<meta property='og:title'>", Page("", "", "")),
        ("<!-- <title>x</title>", Page("", "", "")),
        ("plain text", Page("", "", "")),
    ],
)
def test_a_page_is_read_by_what_it_says_of_itself(html: str, page: Page) -> None:
    assert page_of(html.encode(), URL) == page


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<meta charset=iso-8859-1><title>caf\xe9</title>".encode("latin-1"), "café"),
        ('<meta content="text/html; charset=windows-1251"><title>мир</title>'.encode("cp1251"), "мир"),
        (b"<meta charset=idna><title>xn--80ak6aa92e</title>", "xn--80ak6aa92e"),
        (b"<meta charset=rot13><title>abc</title>", "abc"),
        (b"<meta charset=iso-8859-99><title>abc</title>", "abc"),
        (b"\xff\xfe<title>abc\xc3</title>", "abc\ufffd"),
    ],
)
def test_a_page_is_read_in_its_letters(html: bytes, title: str) -> None:
    assert page_of(html, URL).title == title


def test_what_a_stranger_wrote_is_short_and_can_be_seen() -> None:
    html = f"<title>\u202e{'a' * 500}</title><meta name=description content='b\0&#7;\n{'b' * 500}\u200f'>"
    page = page_of(html.encode(), URL)
    assert page.title == "a" * LONGEST_TITLE
    assert page.description == "b " + "b" * (LONGEST_DESCRIPTION - 2)


@pytest.mark.parametrize("html", [b"<title>x</title></head>", b"<HTML><Body>", b"<head></HEAD >"])
def test_the_head_is_enough_in_whatever_pieces_it_comes(html: bytes) -> None:
    assert is_enough(html)
    assert any(is_enough(html[: cut + 1], cut) for cut in range(len(html)))
    assert not is_enough(b"<head><title>body</title>")


@given(st.text(alphabet=st.sampled_from("<>/='\" &#;-!?[]metaitle:ogprn\n\0x"), max_size=300))
def test_no_page_is_too_odd_to_be_read(html: str) -> None:
    page = page_of(html.encode(), URL)
    assert len(page.title) <= LONGEST_TITLE
    assert first_link(html) is None


@pytest.mark.parametrize(
    "piece",
    ["<", "<!--", "<![", "<a ", "<a b='", '<a b="', "</", "&", "<?", "<meta charset", "<title>", "a='b' ", "<!"],
)
def test_no_page_takes_long(piece: str) -> None:
    begun = time.process_time()
    for html in (piece, f"<x {piece}", f"<title>{piece}"):
        page_of((html + piece * (512 * 1024 // len(piece))).encode(), URL)
    assert time.process_time() - begun < 2
