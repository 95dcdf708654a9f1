"""A page as a browser gets it, and its elements."""

from __future__ import annotations

from html.parser import HTMLParser

from quart import Response

from tests.edges import Client, House

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}


class Page(HTMLParser):
    """The elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def having(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.elements if name in attributes]


async def page(client: Client, path: str, expect: int = 200) -> Page:
    answer = await client.send("GET", path)
    assert answer.status_code == expect
    return await read(answer)


def browser(house: House, **cookies: str) -> Client:
    """A person's browser, which says of its requests that our own page made them."""
    jar = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Client(house.client(None).http, {**BROWSER, **({"Cookie": jar} if jar else {})})


async def read(answer: Response) -> Page:
    assert answer.content_type == "text/html; charset=utf-8"
    return Page(await answer.get_data(as_text=True))


def cookie_of(answer: Response, name: str) -> str:
    found = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith(f"{name}=")]
    assert len(found) == 1
    return str(found[0])
