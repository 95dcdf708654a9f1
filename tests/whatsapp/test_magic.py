"""libmagic is there also where the system has none. Each case is a process of its own: a library stays mapped."""

from __future__ import annotations

import subprocess
import sys

# With RTLD_NOLOAD a name opens only what is mapped already: to python-magic, a system without libmagic looks like this.
HIDE_THE_SYSTEMS_LIBMAGIC = """
import ctypes, ctypes.util, os
ctypes.util.find_library = lambda name: None
class MappedOnly(ctypes.CDLL):
    def __init__(self, name, mode=ctypes.DEFAULT_MODE, **rest):
        by_name = "magic" in str(name) and "/" not in str(name)
        super().__init__(name, mode | os.RTLD_NOLOAD if by_name else mode, **rest)
ctypes.CDLL = MappedOnly
"""
NAME_A_PNG = """
import magic
print(magic.from_buffer(bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"), mime=True))
print("packaged" if "pylibmagic" in open("/proc/self/maps").read() else "system")
"""


def run(*parts: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", "\n".join(parts)], capture_output=True, text=True, check=False)


PROVIDE = "from talkabiz.whatsapp.magic import provide_libmagic; provide_libmagic()"


def test_without_the_systems_libmagic_the_import_fails() -> None:
    """The hiding above hides: without it the next test would prove nothing."""
    done = run(HIDE_THE_SYSTEMS_LIBMAGIC, NAME_A_PNG)

    assert "failed to find libmagic" in done.stderr


def test_the_packaged_libmagic_stands_in_for_the_systems() -> None:
    done = run(HIDE_THE_SYSTEMS_LIBMAGIC, PROVIDE, NAME_A_PNG)

    assert done.stdout.split() == ["image/png", "packaged"], done.stderr


def test_neonize_is_imported_over_the_packaged_libmagic() -> None:
    done = run(HIDE_THE_SYSTEMS_LIBMAGIC, PROVIDE, "import neonize", NAME_A_PNG)

    assert done.stdout.split() == ["image/png", "packaged"], done.stderr


def test_it_leaves_no_trace_in_what_children_inherit() -> None:
    """LD_LIBRARY_PATH would change what every child of ours loads."""
    done = run(HIDE_THE_SYSTEMS_LIBMAGIC, PROVIDE, 'import os; print(os.environ.get("LD_LIBRARY_PATH"))')

    assert done.stdout.strip() == "None", done.stderr


def test_without_either_a_sentence_says_what_to_install() -> None:
    done = run(
        HIDE_THE_SYSTEMS_LIBMAGIC, "import importlib.util; importlib.util.find_spec = lambda name: None", PROVIDE
    )

    assert "libmagic is missing: install" in done.stderr
