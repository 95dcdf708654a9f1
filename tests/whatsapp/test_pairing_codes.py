"""Codes that are typed into a phone: the real library shows them, a loopback WhatsApp's phone takes them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.domain.answers import CallFailed
from talkabiz.domain.code_inputs import CodeRefusal
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp import from_whatsapp
from talkabiz.whatsapp.attempt import Attempt
from talkabiz.whatsapp.call_errors import failure
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.pairing_codes import PairingCodes
from tests.whatsapp.ear import Ear, fresh_attempt

NUMBER, OTHER = "6281200000001", "6281200000002"


class Linking:
    """An attempt that shows codes to scan, and can be asked for one to type."""

    def __init__(self, edge: LocalWhatsApp, ear: Ear, klien_id: int = 1) -> None:
        self.attempt = fresh_attempt()
        self._edge = edge
        self._ear = ear
        self._klien_id = klien_id
        edge.start_pairing(klien_id, self.attempt)

    async def qr(self) -> str:
        return (await self._ear.wait(self.attempt, i.CodeIssued)).text

    async def code(self, number: str = NUMBER) -> str:
        await self.qr()
        heard = len(self._ear.of(self.attempt))
        self._edge.ask_pairing_code(self._klien_id, self.attempt, number)
        issued = await self._ear.wait(self.attempt, c.PairingCodeIssued, after=heard)
        assert issued.phone == number
        return issued.text

    async def connected(self) -> list[type[i.Fact]]:
        await self._ear.wait(self.attempt, i.Connected)
        return self._ear.kinds(self.attempt)


async def refusal(sandbox: Sandbox, code: str, number: str = NUMBER) -> str:
    with pytest.raises(SandboxError) as error:
        await sandbox.phones.enter_code(number, code)
    return error.value.code


async def test_a_code_that_is_typed_links_the_real_library(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    sandbox.phones.add(NUMBER, "Toko")
    linking = Linking(edge, ear)
    code = await linking.code()
    assert re.fullmatch(r"[1-9A-HJ-NP-TV-Z]{4}-[1-9A-HJ-NP-TV-Z]{4}", code)

    device = await sandbox.phones.enter_code(NUMBER, code.lower().replace("-", " "))

    assert await linking.connected() == [i.StartEntered, i.CodeIssued, c.PairingCodeIssued, i.Paired, i.Connected]
    assert sandbox.online() == [device.jid]
    assert (await ear.wait(linking.attempt, i.Paired)).me.phone == NUMBER


async def test_the_code_to_scan_is_still_good_and_ends_the_one_to_type(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear
) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.phones.add(OTHER)
    linking = Linking(edge, ear)
    code = await linking.code()

    await sandbox.phones.scan(OTHER, await linking.qr())

    await linking.connected()
    assert await refusal(sandbox, code) == "code_expired"
    assert not sandbox.phones.get(NUMBER).devices


async def test_after_a_wrong_code_the_right_one_links_and_the_mistake_is_told(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear
) -> None:
    sandbox.phones.add(NUMBER)
    linking = Linking(edge, ear)
    code = await linking.code()

    assert await refusal(sandbox, "2222-2222") == "wrong_code"
    await ear.wait(linking.attempt, c.PairingCodeMistyped)

    await sandbox.phones.enter_code(NUMBER, code)
    assert (await linking.connected())[-2:] == [i.Paired, i.Connected]


async def test_after_a_wrong_code_the_one_to_scan_is_spoilt(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    """Which is why the session hides it then."""
    sandbox.phones.add(NUMBER)
    linking = Linking(edge, ear)
    await linking.code()
    await refusal(sandbox, "2222-2222")

    with pytest.raises(SandboxError, match="hmac-mismatch"):
        await sandbox.phones.scan(NUMBER, await linking.qr())

    assert (await ear.wait(linking.attempt, i.PairingRefused)).cause is i.PairFailure.PAIR_FAILED


async def test_a_code_is_late_once_its_attempt_is_closed(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    sandbox.phones.add(NUMBER)
    linking = Linking(edge, ear)
    code = await linking.code()

    edge.close(linking.attempt)

    async with asyncio.timeout(20):
        while sandbox._conversations.links:
            await asyncio.sleep(0.02)
    assert await refusal(sandbox, code) == "code_expired"
    edge.ask_pairing_code(1, linking.attempt, NUMBER)  # nobody is there to answer, and nobody is told
    assert c.PairingCodeRefused not in ear.kinds(linking.attempt)


async def test_a_code_for_another_number_links_nothing(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.phones.add(OTHER)
    linking = Linking(edge, ear)
    code = await linking.code(NUMBER)

    assert await refusal(sandbox, code, OTHER) == "unknown_code"

    assert (await sandbox.phones.enter_code(NUMBER, code)).jid.user == NUMBER
    await linking.connected()


async def test_two_kliens_at_once_each_get_their_own(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.phones.add(OTHER)
    one, two = Linking(edge, ear, 1), Linking(edge, ear, 2)
    codes = await asyncio.gather(one.code(NUMBER), two.code(OTHER))

    await asyncio.gather(sandbox.phones.enter_code(OTHER, codes[1]), sandbox.phones.enter_code(NUMBER, codes[0]))

    await asyncio.gather(one.connected(), two.connected())
    assert (await ear.wait(one.attempt, i.Paired)).me.phone == NUMBER
    assert (await ear.wait(two.attempt, i.Paired)).me.phone == OTHER


async def test_of_two_numbers_asked_for_at_once_the_last_one_counts(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear
) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.phones.add(OTHER)
    linking = Linking(edge, ear)
    await linking.qr()
    edge.ask_pairing_code(1, linking.attempt, NUMBER)
    edge.ask_pairing_code(1, linking.attempt, OTHER)
    first = await ear.wait(linking.attempt, c.PairingCodeIssued)
    second = await ear.wait(linking.attempt, c.PairingCodeIssued, after=ear.of(linking.attempt).index(first) + 1)

    assert (first.phone, second.phone) == (NUMBER, OTHER)
    assert await refusal(sandbox, first.text) == "code_expired"
    await sandbox.phones.enter_code(OTHER, second.text)
    await linking.connected()


async def test_a_number_that_whatsapp_refuses_is_told(edge: LocalWhatsApp, ear: Ear) -> None:
    linking = Linking(edge, ear)
    await linking.qr()
    edge.ask_pairing_code(1, linking.attempt, "123")
    edge.ask_pairing_code(1, linking.attempt, "9" * 40)

    short = await ear.wait(linking.attempt, c.PairingCodeRefused)
    long = await ear.wait(linking.attempt, c.PairingCodeRefused, after=ear.of(linking.attempt).index(short) + 1)

    assert (short.phone, short.cause) == ("123", CodeRefusal.INVALID_PHONE)
    assert (long.phone, long.cause) == ("9" * 40, CodeRefusal.INVALID_PHONE)


# --- without the library ----------------------------------------------------------------------------------------------


async def answered(ear: Ear, fetch: Callable[[], str]) -> i.Fact:
    attempt = Attempt(1, "run", "store", pairing=True)

    async def fetch_code(_attempt: str, _phone: str) -> str:
        return fetch()

    PairingCodes(fetch_code, lambda about, fact: ear(about.klien_id, fact)).ask(attempt, NUMBER)
    return await ear.wait("run", i.Fact)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("info query returned status 429: rate-overlimit", CodeRefusal.TOO_OFTEN),
        ("info query returned status 400: bad-request", CodeRefusal.INVALID_PHONE),
        ("phone number too short", CodeRefusal.INVALID_PHONE),
        ("international phone number required (must not start with 0)", CodeRefusal.INVALID_PHONE),
        ("websocket not connected", CodeRefusal.UNANSWERED),
        ("info query timed out", CodeRefusal.UNANSWERED),
        ("client is nil", CodeRefusal.UNANSWERED),
        ("info query returned status 500: internal-server-error", CodeRefusal.FAILED),
        ("something new", CodeRefusal.FAILED),
    ],
)
async def test_what_the_library_says_has_a_cause(ear: Ear, said: str, cause: CodeRefusal) -> None:
    def refuse() -> str:
        raise failure(said)

    assert await answered(ear, refuse) == c.PairingCodeRefused("run", NUMBER, cause)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TimeoutError(), CodeRefusal.UNANSWERED),
        (CallFailed("not_connected"), CodeRefusal.UNANSWERED),
        (OSError("no more threads"), CodeRefusal.FAILED),
    ],
)
async def test_no_answer_is_told_as_well(ear: Ear, error: Exception, cause: CodeRefusal) -> None:
    def fail() -> str:
        raise error

    assert await answered(ear, fail) == c.PairingCodeRefused("run", NUMBER, cause)


def test_only_a_refused_last_word_means_that_a_code_was_mistyped() -> None:
    for line, fact in (
        ("Client: Failed to handle code pair notification: info query returned status 400: bad-request", True),
        ("Client: Failed to handle code pair notification: pairing ref mismatch in code pair notification", False),
        ("Client: Failed to pair device: invalid device identity HMAC in pair success message", False),
    ):
        assert (from_whatsapp.fact_of_log("run", line) == c.PairingCodeMistyped("run")) is fact
