"""The Go library, loaded once and made safe: its side effects undone, and the few of its functions that we call.

Nothing outside `talkabiz.whatsapp.run` calls these functions: which of them may be called when is decided there.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import io
import logging
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from talkabiz.whatsapp.environment import lent
from talkabiz.whatsapp.gate import Gate
from talkabiz.whatsapp.incoming import CHATS
from talkabiz.whatsapp.library import WHATSAPP_ROOT_KEY, LibraryError, swap_root_key
from talkabiz.whatsapp.magic import provide_libmagic
from talkabiz.whatsapp.release import Release

BINDER = "neonize._binder"
OLDEST_VERSION = (0, 5, 2)
"""Before it, the events without content (replaced, outdated, keepalive restored) ended the process."""
SUBSCRIBED = bytes([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
"""The library's numbers of the events that tell how a session is. What else is asked for may end its event loop, as
values do that it has no word for: `talkabiz.whatsapp.incoming` says which.
"""


@dataclass(frozen=True, slots=True)
class Binding:
    """The loaded library, and the gate that all its users share."""

    neonize: Any
    """The module BINDER: callback types, and `gocode`, the functions."""
    gate: Gate
    device_props: bytes
    """How a linked device calls itself on the phone. The same for all: the library keeps one for the process."""
    authority: str = ""
    """Whom it trusts in place of the system's authorities: the path of a PEM file, or empty."""
    root_key: bytes = WHATSAPP_ROOT_KEY
    """The root of the WhatsApp that it speaks with."""
    kept: list[object] = field(default_factory=list)
    """Callbacks: the library may call them as long as the process lives."""
    release: Release = field(default_factory=Release)
    subscribed: bytes = SUBSCRIBED + CHATS
    store_options: str = ""
    """Behind the path of each store, as the library's driver reads them: `?_name=value&…&rest=`. The library itself
    puts `?_foreign_keys=on` behind it.
    """

    def enter(self, store: str, name: bytes, proxy_url: str | None, callbacks: tuple[object, ...]) -> bytes:
        """A start. Returns when the run is over, with an error's text or nothing."""
        # By the address alone; without one the library follows HTTPS_PROXY as every Go program does.
        proxy = ctypes.byref(self.neonize.ProxySettings(proxy_url)._to_c_struct()) if proxy_url else None  # noqa: SLF001
        # No jid: it would become the run's name. No phone number: the code would only be printed.
        no_jid, any_device, no_phone = (b"", 0), 0, (b"", 0)
        props = self.device_props
        return bytes(
            self.neonize.gocode.Neonize(
                *(os.fsencode(store + self.store_options), name, *no_jid, any_device, b"ERROR"),
                *(*callbacks, self.subscribed, len(self.subscribed), props, len(props), *no_phone, proxy),
            )
        )


def load(*, ca_file: Path | None = None, root_key: bytes | None = None) -> Binding:
    """Loads the library into this process, where it stays; called again, answers the same binding.

    With `ca_file` it trusts that authority instead of the system's, with `root_key` that key instead of WhatsApp's: for
    a loopback WhatsApp. Nothing else in the process trusts that authority, for the environment isn't changed.

    Raises:
        LibraryError: `library_too_old`, `library_loaded_before`, `environment_out_of_reach`, or of `trust`.
        ImportError: libmagic or neonize itself can't be loaded; the sentence says what to install.

    """
    authority = str(ca_file or "")
    loaded = sys.modules.get(BINDER)
    binding = getattr(loaded, "talkabiz_binding", None) if loaded else _load(authority)
    if not isinstance(binding, Binding) or binding.authority != authority:
        raise LibraryError(
            "library_loaded_before",
            "Pustaka WhatsApp (neonize) sudah termuat di proses ini dengan cara lain; jalankan proses baru.",
            "The WhatsApp library (neonize) was loaded into this process before, in another way; start a new process.",
        )
    return binding if root_key is None else trust(binding, root_key)


def trust(binding: Binding, root_key: bytes) -> Binding:
    """The binding of a library that trusts this root, a loopback WhatsApp's, in place of the real one's.

    Raises:
        LibraryError: `root_key_alone` without an authority of its own, for such a library could meet the real WhatsApp;
            or of `swap_root_key`.

    """
    if not binding.authority:
        raise LibraryError(
            "root_key_alone",
            "Kunci akar hanya dapat diganti bersama CA milik WhatsApp loopback itu.",
            "The root key is only replaced together with the CA of that loopback WhatsApp.",
        )
    swap_root_key(root_key)
    if root_key == binding.root_key:
        return binding
    trusting = replace(binding, root_key=root_key)
    setattr(sys.modules[BINDER], "talkabiz_binding", trusting)  # noqa: B010 - as in `_load`
    return trusting


def _load(authority: str) -> Binding:
    _check_version(importlib.metadata.version("neonize"))
    provide_libmagic()
    variables = {"NEONIZE_BOT_TAG": "off"}  # or it marks our messages to a person as those of a business bot
    if authority:
        variables["SSL_CERT_FILE"] = authority
    with lent(variables), _logging_left_alone():
        binder = importlib.import_module(BINDER)
    for name in ("Stop", "StopAll", "SetForceActiveDeliveryReceipts"):
        # They return nothing. Declared as returning a pointer, ctypes would free whatever stands in the register.
        function = getattr(binder.gocode, name)
        function.restype = None
        del function.errcheck
    divert_stdout()
    _raise_descriptor_limit()
    registration = importlib.import_module("neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2")
    props = registration.DeviceProps(os="Talkabiz", platformType=registration.DeviceProps.PlatformType.CHROME)
    binding = Binding(binder, Gate(), props.SerializeToString(), authority)
    # Kept where the library is: as there is one of it in a process, so there must be one gate.
    setattr(binder, "talkabiz_binding", binding)  # noqa: B010 - the module declares no such name
    return binding


def divert_stdout() -> None:
    """Takes descriptor 1 away from the library, which prints to it; Python's `sys.stdout` goes on as before.

    What the library prints there are events that we get anyway, and in one way of pairing a code, which is a secret.
    Descriptor 2 stays, although each session leaves a line "Press Ctrl+C to exit" on it: a Go panic is written there
    while the process dies, so a filter in this process would lose the one text that an operator needs. Whoever reads
    that descriptor from outside, as the supervisor does, can drop the line.
    """
    buffer = getattr(sys.stdout, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # unbuffered, the one is the other
    if not isinstance(raw, io.FileIO) or raw.fileno() != 1:
        return  # done already, or somebody else has put another stream there
    sys.stdout.flush()
    real = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    # The same object under a new number: a log handler or a console that has kept it goes on writing to the real one.
    io.FileIO.__init__(raw, real, "wb", closefd=False)


def _check_version(version: str) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if numbers < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise LibraryError(
            "library_too_old",
            f"Pustaka WhatsApp (neonize) {version} terlalu lama: diperlukan {oldest} atau lebih baru.",
            f"The WhatsApp library (neonize) {version} is too old: {oldest} or newer is needed.",
        )


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    """Importing neonize configures the root logger."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _raise_descriptor_limit() -> None:
    """Each run takes two descriptors and never gives back the one of its store."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
