"""What a Go library finds in the environment while it is loaded.

It doesn't ask the C library: it copies the block that the kernel laid on the stack when the process began, and Python's
`os.environ` never reaches that block with a new name. So for the time of loading, entries of the block itself are lent
to the variables that the library is to find. Linux with glibc, and by its headers macOS.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from talkabiz.whatsapp.library import LibraryError

# Not lent: what Go, the C library or a child that is started in the meantime may look up.
_NEEDED = re.compile(rb"(?i)(\w+_proxy|GO\w+|SSL_\w+|LD_\w+|LC_\w+|LANG|LANGUAGE|TZ|PATH|MAGIC|PYTHON\w*)=")


@contextmanager
def lent(variables: Mapping[str, str]) -> Iterator[None]:
    """A library loaded meanwhile finds these variables. LibraryError `environment_out_of_reach`."""
    block = _block()
    before: list[tuple[int, int | None]] = []
    texts = {name: ctypes.create_string_buffer(f"{name}={value}".encode()) for name, value in variables.items()}
    try:
        for place, name in zip(_places(block, list(variables)), variables, strict=True):
            before.append((place, block[place]))
            block[place] = ctypes.addressof(texts[name])
        yield
    finally:
        for place, pointer in before:
            block[place] = pointer


def _block() -> ctypes._Pointer[ctypes.c_void_p]:
    """The arguments, null, the environment, null: one array, as the dynamic linker found it."""
    array = ctypes.POINTER(ctypes.c_void_p)
    if sys.platform == "darwin":
        arguments = getattr(ctypes.CDLL(None), "_NSGetArgv")  # noqa: B009 - by its name in crt_externs.h
        arguments.restype = ctypes.POINTER(array)
        return arguments().contents
    try:
        return array.in_dll(ctypes.CDLL(None), "_dl_argv")
    except ValueError:
        raise _out_of_reach([]) from None


def _places(block: ctypes._Pointer[ctypes.c_void_p], names: list[str]) -> list[int]:
    """For each name its own entry, if it has one, or one that can be done without for a moment."""
    entries = _environment(block)
    own = {name: place for place, entry in entries for name in names if entry.startswith(f"{name}=".encode())}
    free = [place for place, entry in entries if not _NEEDED.match(entry) and place not in own.values()]
    missing = [name for name in names if name not in own]
    if len(free) < len(missing):
        raise _out_of_reach(names)
    return [own[name] if name in own else free.pop() for name in names]


def _environment(block: ctypes._Pointer[ctypes.c_void_p]) -> list[tuple[int, bytes]]:
    place = 0
    while block[place]:
        place += 1
    found = []
    while address := block[place + 1]:
        place += 1
        found.append((place, ctypes.string_at(address)))
    return found


def _out_of_reach(names: list[str]) -> LibraryError:
    wanted = ", ".join(names) or "NEONIZE_BOT_TAG=off"
    return LibraryError(
        "environment_out_of_reach",
        f"Pustaka WhatsApp (neonize) membutuhkan variabel lingkungan {wanted} sejak proses dimulai.",
        f"The WhatsApp library (neonize) needs {wanted} in the environment from the start of the process.",
    )
