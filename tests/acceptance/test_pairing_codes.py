"""Linking by a code that is typed into the phone, through the real command."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from pathlib import Path

from tests.acceptance.commands import fail
from tests.running import API_KEY, Phones, Server, serving, talkabiz

NUMBER, OTHER = "628111000061", "628111000062"


async def ask(server: Server, klien_id: int, phone: str, *, expect: int = 200) -> str:
    path = f"/api/v1/kliens/{klien_id}/session/pairing-code"
    answer = await server.call("POST", path, {"phone": phone}, expect=expect)
    return str(answer["code"])


async def test_two_kliens_are_linked_by_codes_and_nothing_of_them_is_kept(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        phones = Phones(server.http)
        one, two = await server.add_klien("Toko Sinar"), await server.add_klien("Toko Bulan")
        async with server.watch(one) as watch:
            codes = await asyncio.gather(ask(server, one, "0811-1000-061"), ask(server, two, f"+{OTHER}"))
            snapshot = await server.snapshot(one)
            assert (snapshot["pairing"]["code"], snapshot["qr"]["n"]) == (codes[0], 1)
            assert await ask(server, one, NUMBER) == codes[0]
            pushed = await watch.wait_for("qr_ready", lambda data: data["pairing"]["code"] == codes[0])
            assert pushed["seq"] == snapshot["seq"]

            await asyncio.gather(
                phones.enter_code(NUMBER, codes[0].lower()), phones.enter_code(OTHER, codes[1].replace("-", " "))
            )

            assert (await server.wait_for(one, "connected"))["me"]["phone"] == NUMBER
            assert (await server.wait_for(two, "connected"))["me"]["phone"] == OTHER
            assert list(dict.fromkeys(watch.names())) == ["qr_requested", "qr_ready", "scanning", "connected"]
        assert await ask(server, one, NUMBER, expect=HTTPStatus.CONFLICT) == "illegal_state"
        journal = await server.call("GET", f"/api/v1/kliens/{one}/events")
        audited = await server.call("GET", "/api/v1/audit")
        assert "pairing_code_asked" in json.dumps(audited)
        for code in codes:
            assert code not in json.dumps(journal) + json.dumps(audited)
            assert code not in server.process.errors.read_text()
    assert not [
        path for path in home.rglob("talkabiz.db*") if any(code.encode() in path.read_bytes() for code in codes)
    ]


async def test_a_wrong_code_is_told_on_the_phone_and_a_new_one_is_on_show(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        phones = Phones(server.http)
        klien_id = await server.add_klien("Toko Sinar")
        async with server.watch(klien_id) as watch:
            first = await ask(server, klien_id, NUMBER)

            wrong = await phones.enter_code(NUMBER, "2222-2222", expect=HTTPStatus.CONFLICT)
            assert wrong["code"] == "wrong_code"

            shown = await watch.wait_for("qr_ready", lambda data: data["pairing"]["code"] not in {None, first})
            assert shown["pairing"]["round"] == 2
            await phones.enter_code(NUMBER, shown["pairing"]["code"])
            await watch.wait_for("connected")
        gone = await phones.enter_code(NUMBER, first, expect=HTTPStatus.GONE)
        assert gone["code"] == "code_expired"


async def test_after_a_scan_the_code_is_dead_and_a_late_one_is_told(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        phones = Phones(server.http)
        klien_id = await server.add_klien("Toko Sinar")
        code = await ask(server, klien_id, NUMBER)
        other = await phones.enter_code(OTHER, code, expect=HTTPStatus.NOT_FOUND)
        assert other["code"] == "unknown_code"
        await phones.scan(OTHER, (await server.snapshot(klien_id))["qr"]["code"])
        assert (await server.wait_for(klien_id, "connected"))["pairing"] is None
        assert (await phones.enter_code(NUMBER, code, expect=HTTPStatus.GONE))["code"] == "code_expired"


async def test_link_shows_the_code_in_the_terminal(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        to = ("link", str(klien_id), "--url", server.base_url, "--key", API_KEY)
        async with talkabiz(home, *to, "--phone", "0811-1000-061") as process:
            words = "Or type into the phone: "
            await process.read_until(lambda lines: any(line.startswith(words) for line in lines))
            [code] = {line.removeprefix(words).partition(",")[0] for line in process.lines if line.startswith(words)}
            await Phones(server.http).enter_code(NUMBER, code)
            await process.read_until(lambda lines: any(line.startswith("connected") for line in lines))
            assert await asyncio.wait_for(process.process.wait(), 10) == 0
        other = await server.add_klien("Toko Bulan")
        wrong = ("link", str(other), "--url", server.base_url, "--key", API_KEY, "--phone", "0811")
        assert await fail(home, 2, "0 in front", *wrong) == "invalid_input"
        assert (await server.snapshot(other))["status"] == "disconnected"
