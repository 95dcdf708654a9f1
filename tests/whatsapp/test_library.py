from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from talkabiz.whatsapp import library
from talkabiz.whatsapp.library import LibraryError

ROOT = Path(__file__).resolve().parents[2]


def run(program: str) -> str:
    """What a process of its own prints; the root key of this one's library is left alone."""
    head = (
        "from talkabiz.whatsapp.magic import provide_libmagic; provide_libmagic()\n"
        "from talkabiz.whatsapp.library import *\n"
        "KEY, OTHER = bytes(range(32)), bytes(range(1, 33))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + program], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def test_the_library_trusts_whatsapps_root_unless_it_is_told_otherwise() -> None:
    assert run("import neonize; print(has_root_key(), has_root_key(KEY))") == "True False"


def test_a_swapped_root_is_the_only_one_that_is_trusted() -> None:
    program = "import neonize; swap_root_key(KEY); print(has_root_key(), has_root_key(KEY))"
    assert run(program) == "False True"


def test_swapping_in_the_same_root_again_changes_nothing() -> None:
    assert run("import neonize; swap_root_key(KEY); swap_root_key(KEY); print(has_root_key(KEY))") == "True"


def test_another_root_is_swapped_in_only_for_the_one_that_is_there() -> None:
    program = """
import neonize
swap_root_key(KEY)
try:
    swap_root_key(OTHER)
except LibraryError as error:
    print(error.code, has_root_key(KEY))
swap_root_key(OTHER, current=KEY)
print(has_root_key(OTHER))
"""
    assert run(program).split() == ["root_key_not_found", "True", "True"]


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        library.swap_root_key(b"short")


def test_a_library_that_is_not_loaded_is_an_error() -> None:
    program = """
for call in (regions, has_root_key, lambda: swap_root_key(KEY)):
    try:
        call()
    except LibraryError as error:
        print(error.code)
"""
    assert run(program).split() == ["library_not_loaded"] * 3


def test_another_system_than_linux_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LibraryError) as refused:
        library.regions()
    assert refused.value.code == "unsupported_platform"
    assert "Linux" in refused.value.message.id
    assert "Linux" in refused.value.message.en
