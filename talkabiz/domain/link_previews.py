"""What is shown of the page that a text leads to: the link in the text, and the page's own words of itself. Pure.

Whoever owns the page wrote those words: they are cut short, and rid of what nobody can see.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

from talkabiz.domain.ids import clean_name

LONGEST_LINK = 2_048
MOST_AFTERWARDS = 100
"""Of what stands right behind a link and isn't of it. For each of these characters the link is looked through again."""
LONGEST_TITLE = 100
LONGEST_DESCRIPTION = 300
MOST_PARTS = 20_000
"""Tags and texts between them that are read of a page: more than a head has, and no work for long."""

_LINK = re.compile(r"(?<!\w)https://[^\s<>\"\\^`{|}]+", re.IGNORECASE)
_AFTERWARDS = ".,:;!?'*~…»”’"
"""What ends a sentence or a mark-up rather than a link."""
_HEAD_ENDS = re.compile(rb"</head|<body", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([a-z0-9_-]{1,20})", re.IGNORECASE)
_CHARSETS = re.compile(r"utf-?8|iso-8859-\d{1,2}|windows-125\d|koi8-r|shift_jis|euc-(?:jp|kr)|gbk|gb2312|gb18030|big5")
"""Those that pages have. Python knows others by name whose decoding takes for ever."""
_SAME = {"iso-8859-1": "windows-1252"}
_TITLES = ("og:title", "twitter:title", "<title>")
_DESCRIPTIONS = ("og:description", "twitter:description", "description")
_PICTURES = ("og:image:secure_url", "og:image", "og:image:url", "twitter:image")
_WANTED = frozenset({*_TITLES, *_DESCRIPTIONS, *_PICTURES})


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says of itself; `picture` is an address. All may be empty."""

    title: str
    description: str
    picture: str


def first_link(text: str) -> str | None:
    """The first https address in it, letter by letter as it stands there."""
    found = _LINK.search(text)
    if not found or len(found[0]) > LONGEST_LINK + MOST_AFTERWARDS:
        return None
    link = found[0]
    while link[-1] in _AFTERWARDS or (link[-1] in ")]" and not _opens(link)):
        link = link[:-1]
    return link if len("https://") < len(link) <= LONGEST_LINK else None


def is_enough(html: bytes | bytearray, since: int = 0) -> bool:
    """Whether the head of the page, where it speaks of itself, is all there. `since`: how far one has looked."""
    return _HEAD_ENDS.search(html, max(0, since - len(b"</head"))) is not None


def page_of(html: bytes, url: str) -> Page:
    """`html` may end anywhere. `url`: where it is from."""
    head = _Head()
    with suppress(_TooMuch, AssertionError):  # the latter: what some versions of the parser say to broken markup
        head.feed(_text(html))  # never closed: what is cut off is left out
    return Page(
        title=clean_name(head.first(*_TITLES), LONGEST_TITLE),
        description=clean_name(head.first(*_DESCRIPTIONS), LONGEST_DESCRIPTION),
        picture=_address(url, head.first(*_PICTURES).strip()),
    )


class _TooMuch(Exception):
    pass


class _Head(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._told: dict[str, str] = {}
        self._is_in_title = False
        self._parts = 0

    def first(self, *names: str) -> str:
        """What is said under the first of these names that says something."""
        return next((words for name in names if (words := self._told.get(name, "")).strip()), "")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._count()
        self._is_in_title = tag == "title" and "<title>" not in self._told
        if tag == "meta":
            values = dict(attrs)
            name = (values.get("property") or values.get("name") or "").strip().lower()
            if name in _WANTED:
                self._told.setdefault(name, values.get("content") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._count()
        self._is_in_title = False

    def handle_comment(self, data: str) -> None:
        del data
        self._count()

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise _TooMuch

    def handle_data(self, data: str) -> None:
        self._count()
        if self._is_in_title:
            self._told["<title>"] = self._told.get("<title>", "") + data


def _opens(link: str) -> bool:
    """Whether the bracket at its end closes one that is in it."""
    opening = {")": "(", "]": "["}[link[-1]]
    return link.count(opening) >= link.count(link[-1])


def _text(html: bytes) -> str:
    ending = _HEAD_ENDS.search(html)
    head = html[: ending.start()] if ending else html
    found = _CHARSET.search(head)
    charset = found[1].decode("ascii").lower() if found else "utf-8"
    charset = _SAME.get(charset, charset) if _CHARSETS.fullmatch(charset) else "utf-8"
    try:
        return head.decode(charset, errors="replace")
    except LookupError:
        return head.decode(errors="replace")


def _address(url: str, picture: str) -> str:
    try:
        return urljoin(url, picture) if picture else ""
    except ValueError:
        return ""
