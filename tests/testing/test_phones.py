"""What a test can do with the sandbox and a phone, and what it is told where it can't."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from talkabiz.testing.control import Control, SandboxRefused
from talkabiz.testing.loopback import SandboxFailed, WhatsAppSandbox
from talkabiz.testing.neonize import _USAGE
from tests.running import CHECKOUT
from tests.testing.outside import examples


@pytest.fixture(scope="module")
def whatsapp() -> Iterator[WhatsAppSandbox]:
    sandbox = WhatsAppSandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def bot(whatsapp: WhatsAppSandbox, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The page's bot, as it waits to be scanned: its first line is the code."""
    (tmp_path / "bot.py").write_text(examples()["bot.py"])
    command = whatsapp.command("bot.py")
    with subprocess.Popen(command, cwd=tmp_path, env=environment(whatsapp), stdout=subprocess.PIPE, text=True) as bot:
        yield bot
        bot.kill()


def environment(whatsapp: WhatsAppSandbox) -> dict[str, str]:
    """Also where this checkout isn't installed."""
    return whatsapp.environment | {"PYTHONPATH": CHECKOUT}


def first_line(bot: subprocess.Popen[str]) -> str:
    assert bot.stdout
    return bot.stdout.readline()


def test_phones_chat_with_a_bot_and_with_each_other(whatsapp: WhatsAppSandbox, bot: subprocess.Popen[str]) -> None:
    business, customer, other = whatsapp.phone(name="Toko"), whatsapp.phone(), whatsapp.phone()
    device = business.scan(first_line(bot))
    assert (device["online"], device["ready"], business.devices()) == (True, True, [device])

    sent = customer.send("price?", to=business.number)
    answer = customer.wait_for_message("You said: price?", sender=business.number)
    customer.read(answer)
    assert [(m.text, m.is_incoming) for m in customer.messages()] == [("price?", False), ("You said: price?", True)]
    assert next(m for m in customer.messages() if m.id == sent.id).status in {"delivered", "read"}
    assert answer.everything["direction"] == "in"

    other.send("first", to=customer.number)
    other.send("second", to=customer.number)
    assert customer.wait_for_message("second").text == "second"
    with pytest.raises(TimeoutError, match=r"no such message came to \d+ within 0.3 s, only \[\]"):
        customer.wait_for_message("first", seconds=0.3)  # it was passed by
    other.send("third", to=customer.number)
    with pytest.raises(TimeoutError, match="third"):
        customer.wait_for_message(matching=lambda message: message.text == "fourth", seconds=3)

    business.remove_device(device["device"])
    assert business.devices() == []


def test_what_a_phone_cannot_do_is_refused_with_a_code_and_a_sentence(whatsapp: WhatsAppSandbox) -> None:
    phone = whatsapp.phone()
    for wish, code in (
        (lambda: phone.scan("2@no,code"), "invalid_qr"),
        (lambda: phone.enter_code("WRONGONE"), "invalid_code"),
        (lambda: phone.enter_code("ABCD-EFGH"), "unknown_code"),
        (lambda: phone.remove_device(7), "not_found"),
        (lambda: whatsapp.fault("earthquake"), "invalid_input"),
        (lambda: whatsapp.phone("12"), "invalid_input"),
        (lambda: phone.call("GET", "/nothing"), "not_found"),
    ):
        with pytest.raises(SandboxRefused) as refused:
            wish()
        assert refused.value.code == code
        assert str(refused.value).startswith(f"{code}: ")


def test_a_device_that_never_comes_up_is_told_with_how_far_it_came(
    whatsapp: WhatsAppSandbox, bot: subprocess.Popen[str]
) -> None:
    phone = whatsapp.phone()
    whatsapp.fault("drop", phone, seconds=60)
    try:
        code = first_line(bot)
        with pytest.raises(TimeoutError, match=r"device 1 of .* isn't ready within 0.5 s"):
            phone.scan(code, seconds=0.5)
    finally:
        whatsapp.clear()


def test_the_same_number_is_the_same_phone(whatsapp: WhatsAppSandbox) -> None:
    first, again = whatsapp.phone(), whatsapp.phone()
    assert first.number != again.number
    again = whatsapp.phone(first.number, "New name")
    first.send("to itself", to=whatsapp.phone().number)
    assert [message.text for message in again.messages()] == ["to itself"]


def test_a_sandbox_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (program := tmp_path / "python").write_text("#!/bin/sh\necho 'there is no room' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    with pytest.raises(SandboxFailed, match="there is no room"):
        WhatsAppSandbox.start()


def test_a_sandbox_that_is_gone_is_an_os_error(whatsapp: WhatsAppSandbox) -> None:
    sandbox = WhatsAppSandbox.start()
    sandbox.stop()

    with pytest.raises(OSError, match="refused"):
        sandbox.phone()
    assert sandbox._process.returncode == 0


def test_no_proxy_of_the_environment_stands_between(whatsapp: WhatsAppSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert Control(whatsapp.control_url).call("GET", "/faults") == {"faults": []}


@pytest.mark.parametrize("missing", ["TALKABIZ_WA_PROXY_URL", "TALKABIZ_WA_CA_FILE", "TALKABIZ_WA_ROOT_KEY"])
def test_a_program_is_not_run_against_the_real_whatsapp_by_accident(
    whatsapp: WhatsAppSandbox, tmp_path: Path, missing: str
) -> None:
    (tmp_path / "bot.py").write_text("open('ran', 'w')")
    lacking = {name: value for name, value in environment(whatsapp).items() if name != missing}

    done = subprocess.run(
        whatsapp.command("bot.py"), cwd=tmp_path, env=lacking, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr.strip()) == (1, _USAGE)
    assert not (tmp_path / "ran").exists()
