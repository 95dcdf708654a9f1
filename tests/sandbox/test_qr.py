from __future__ import annotations

import base64

import pytest

from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.qr import read_code

KEYS = [bytes([number]) * 32 for number in (1, 2, 3)]
TEXT = ",".join(["2@abc", *(base64.b64encode(key).decode() for key in KEYS)])


@pytest.mark.parametrize(
    "text",
    [TEXT, f"{TEXT},8", f"https://wa.me/settings/linked_devices#{TEXT},1", f"  {TEXT}\n"],
)
def test_a_code_is_read_with_and_without_its_ornaments(text: str) -> None:
    code = read_code(text)
    assert code.reference == "2@abc"
    assert [code.noise_key, code.identity_key, code.adv_secret] == KEYS


def test_the_secret_is_not_printed() -> None:
    assert "adv_secret" not in repr(read_code(TEXT))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "https://wa.me/settings/linked_devices#",
        TEXT.removeprefix("2@abc"),  # no reference
        TEXT.rpartition(",")[0],  # a key is missing
        f"{TEXT},1,2",
        TEXT.replace("A", "!"),
        TEXT[:-4],  # a key is short
        TEXT + "é",
        TEXT + "," + "x" * 2000,
    ],
)
def test_anything_else_is_an_invalid_qr(text: str) -> None:
    with pytest.raises(SandboxError) as refused:
        read_code(text)
    assert refused.value.code == "invalid_qr"
