"""The way out for the thread of a pairing that came to nothing.

After the last status the library goes on as after a success: it takes the client of the run's name and asks it ten
times a second, for as long as the process lives, whether it has a device now. But the callback for that status runs in
the very thread that goes on to do so. So in there the client is stopped, and one that has a device put under its name:
by a second start, on a store with a device that nobody knows, and by a proxy of a kind that the library refuses before
it dials anywhere. The first start then finds that device, sees that it was stopped, and returns.

Opened with a shared cache, that store is one descriptor and one schema in memory, however often it is opened; and as it
is never written to, nobody waits for a lock on it.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from structlog.typing import FilteringBoundLogger

if TYPE_CHECKING:
    from talkabiz.whatsapp.binding import Binding

NO_WAY = "none://"
REFUSAL = b"unsupported proxy scheme"
"""Said when the client stands under its name, and nothing has been dialled."""
NAME = b"nobody"
_OPTIONS = "?cache=shared&mode=ro&_foreign_keys=on&rest="  # the library puts `?_foreign_keys=on` behind it
_DEVICE = {
    "jid": "0:1@s.whatsapp.net",
    **dict.fromkeys(("registration_id", "signed_pre_key_id"), 0),
    **dict.fromkeys(("noise_key", "identity_key", "signed_pre_key", "adv_account_sig_key"), bytes(32)),
    **dict.fromkeys(("signed_pre_key_sig", "adv_account_sig", "adv_device_sig"), bytes(64)),
    **dict.fromkeys(("adv_key", "adv_details"), b""),
}


class Release:
    """One for a library."""

    def __init__(self) -> None:
        self._store = ""

    def leave(self, binding: Binding, name: bytes, callbacks: tuple[object, ...], log: FilteringBoundLogger) -> bool:
        """To be called in the status callback of that run, by whoever holds the gate exclusively.

        False: it didn't work out, and returning from the callback could end the process.
        """
        try:
            self._store = self._store or _make_store(binding, callbacks)
            binding.neonize.gocode.Stop(name)
            return REFUSAL in binding.enter(self._store, name, NO_WAY, callbacks)
        except Exception:
            log.exception("a pairing that is over keeps its thread")
            return False


def _make_store(binding: Binding, callbacks: tuple[object, ...]) -> str:
    """The library makes the tables, and keeps the file open, which is gone by the end."""
    with tempfile.TemporaryDirectory(prefix="talkabiz-") as directory:
        path = Path(directory) / "nobody.db"
        binding.enter(str(path), NAME, NO_WAY, callbacks)
        with closing(sqlite3.connect(path)) as store, store:
            marks = ", ".join(f":{column}" for column in _DEVICE)
            store.execute(f"INSERT INTO whatsmeow_device ({', '.join(_DEVICE)}) VALUES ({marks})", _DEVICE)  # noqa: S608
        binding.enter(f"{path}{_OPTIONS}", NAME, NO_WAY, callbacks)
    binding.neonize.gocode.Stop(NAME)
    return f"{path}{_OPTIONS}"
