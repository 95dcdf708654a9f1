"""The pytest plugin, in the hands of somebody else."""

from __future__ import annotations

from pathlib import Path

from tests.testing.outside import examples, run_pytest

UNCONCERNED = """
import sys

def test_sums():
    assert sorted(name for name in sys.modules if name.split(".")[0] == "talkabiz") == [
        "talkabiz", "talkabiz.testing", "talkabiz.testing.plugin"
    ]
    assert "neonize" not in sys.modules
"""
CLEARING = """
def test_a_fault_is_set(whatsapp_sandbox, virtual_phone):
    whatsapp_sandbox.fault("no_qr")
    whatsapp_sandbox.fault("drop", virtual_phone, count=2)
    assert len(whatsapp_sandbox._control.call("GET", "/faults")["faults"]) == 2
    whatsapp_sandbox.seen = virtual_phone.number

def test_it_is_gone_and_the_phone_is_another(whatsapp_sandbox, virtual_phone):
    assert whatsapp_sandbox._control.call("GET", "/faults")["faults"] == []
    assert virtual_phone.number != whatsapp_sandbox.seen
"""


def test_the_examples_of_the_page_pass_as_they_stand(tmp_path: Path) -> None:
    files = {name.removesuffix(".py"): text for name, text in examples().items()}
    assert set(files) == {"bot", "test_bot", "test_gateway"}
    assert len(list(filter(None, files["test_bot"].splitlines()))) < 10, "ten lines with their title"

    assert "2 passed" in run_pytest(tmp_path, "-q", **files)


def test_a_run_that_asks_for_nothing_loads_nothing(tmp_path: Path) -> None:
    assert "1 passed" in run_pytest(tmp_path, "-q", test_sums=UNCONCERNED)


def test_the_plugin_says_what_it_offers(tmp_path: Path) -> None:
    told = run_pytest(tmp_path, "--fixtures", test_nothing="def test_nothing(): pass")

    assert "whatsapp_sandbox [session scope]" in told
    assert "virtual_phone" in told
    assert "A phone with a number that no other test has." in told


def test_a_fault_does_not_outlive_its_test(tmp_path: Path) -> None:
    assert "2 passed" in run_pytest(tmp_path, "-q", test_clearing=CLEARING)
