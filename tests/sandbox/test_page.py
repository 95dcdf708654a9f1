"""The page /sandbox as a browser gets it, and its words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client

from talkabiz.assets import static_dir, templates_dir
from talkabiz.sandbox.app import create_control_app
from talkabiz.sandbox.fault_words import FAULTS
from talkabiz.sandbox.faults import KINDS
from talkabiz.sandbox.words import FRAME, LANGUAGES, PAGE
from talkabiz.sandbox.world import Sandbox
from talkabiz.web import words as product

BROWSER = {"Host": "127.0.0.1:8000", "Accept": "text/html"}


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return create_control_app(sandbox).test_client()


async def ask(client: Client, path: str = "/sandbox", peer: str = "127.0.0.1", **more: Any) -> Any:
    headers = BROWSER | {name.replace("_", "-"): value for name, value in more.pop("headers", {}).items()}
    return await client.open(path, headers=headers, scope_base={"client": (peer, 50000)}, **more)


async def html(answer: Any) -> str:
    return str(await answer.get_data(as_text=True))


async def test_the_page_brings_all_that_it_needs(client: Client) -> None:
    answer = await ask(client)
    text = await html(answer)
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert "data-sandbox" in text
    asked = re.findall(r'(?:src|href)="(/static/[^"#]+)"', text)
    assert "/static/js/sandbox/page.js" in asked
    for path in [*asked, *(f"/static/js/sandbox/{each.name}" for each in (static_dir() / "js/sandbox").iterdir())]:
        found = await ask(client, path)
        assert found.status_code == 200, path
        await found.get_data()


async def test_the_page_trusts_its_own_script_alone(client: Client) -> None:
    answer = await ask(client)
    text = await html(answer)
    policy = answer.headers["Content-Security-Policy"]
    nonces = set(re.findall(r'nonce="([^"]+)"', text))
    assert len(nonces) == 1
    assert f"script-src 'nonce-{nonces.pop()}' 'strict-dynamic';" in policy
    assert policy.startswith("default-src 'none';")
    assert "connect-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r'\son\w+=|style="|<style|javascript:', text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await ask(client)).headers["Content-Security-Policy"] != policy


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.168.1.7", {}),
        ("127.0.0.1", {"Host": "evil.example"}),
        ("127.0.0.1", {"X_Forwarded_For": "127.0.0.1"}),
    ],
)
async def test_another_machine_gets_a_sentence(client: Client, peer: str, headers: dict[str, str]) -> None:
    answer = await ask(client, peer=peer, headers=headers)
    text = await html(answer)
    assert answer.status_code == 403
    assert "Kendali sandbox hanya bisa dipakai dari mesin ini sendiri" in text
    assert "page.js" not in text
    assert "script-src" in answer.headers["Content-Security-Policy"]


async def test_a_link_of_another_site_leads_to_the_page_and_to_nothing_else(client: Client) -> None:
    elsewhere = {"Sec_Fetch_Site": "cross-site"}
    assert (await ask(client, headers=elsewhere)).status_code == 200
    assert (await ask(client, "/sandbox/api/phones", headers=elsewhere)).status_code == 403


async def test_alone_its_address_leads_to_the_page(client: Client) -> None:
    answer = await ask(client, "/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sandbox")
    text = await html(await ask(client))
    assert PAGE["id"]["trial_2_alone"] in text
    assert 'data-action="scan-screen"' not in text


async def test_alone_it_remembers_the_language(client: Client) -> None:
    assert '<html lang="id">' in await html(await ask(client))
    answer = await ask(client, "/language", method="POST", form={"language": "en", "back": "/sandbox"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sandbox")
    english = await html(await ask(client))
    assert '<html lang="en">' in english
    assert "A one-minute trial" in english
    await ask(client, "/language", method="POST", form={"language": "xx"})
    assert '<html lang="en">' in await html(await ask(client))


async def test_every_fault_can_be_chosen_and_says_what_it_does(client: Client) -> None:
    text = await html(await ask(client))
    assert re.findall(r'<option value="(\w+)" data-does="[^"]+\."', text) == list(KINDS)
    for language in LANGUAGES:
        assert list(FAULTS[language]) == list(KINDS)


# ── words ──


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    for words in (PAGE, FRAME):
        assert words.keys() == LANGUAGES.keys()
        assert list(words["id"]) == list(words["en"])
        for name in words["id"]:
            places = [sorted(re.findall(r"\{(\w+)\}", words[language][name])) for language in ("id", "en")]
            assert places[0] == places[1], name


def test_no_word_has_the_name_of_a_method_of_dictionaries_which_a_template_would_take_for_it() -> None:
    assert not [name for name in PAGE["id"] if hasattr(dict, name)]


def test_the_frame_says_what_it_says_on_the_products_pages() -> None:
    for language, words in FRAME.items():
        assert words == {name: product.WORDS[language][name] for name in words}


def test_the_page_uses_every_word_and_no_other() -> None:
    template = (templates_dir() / "sandbox.html").read_text() + (templates_dir() / "sandbox_closed.html").read_text()
    used = set(re.findall(r"\bw\.(\w+)", template))
    scripts = "".join(_scripts())
    words = PAGE["id"].keys()
    assert used | set(re.findall(r'\bsay\("(\w+)"', scripts)) <= words
    by_status = {name for name in words if name.startswith("status_")}
    assert {name for name in words - used - by_status if f'"{name}"' not in scripts} == set()


def test_every_element_that_a_script_looks_for_is_in_the_page() -> None:
    template = (templates_dir() / "sandbox.html").read_text()
    ids = re.findall(r'\bid="([\w-]+)"', template)
    assert not {name for script in _scripts() for name in re.findall(r'\bat\("([\w-]+)"\)', script)} - set(ids)
    assert len(ids) == len(set(ids)), "an id stands twice"


def _scripts() -> list[str]:
    return [path.read_text() for path in Path(static_dir() / "js/sandbox").glob("*.js")]
