"""What can go wrong with the database itself."""

from __future__ import annotations

import sqlite3

from tortoise.exceptions import IntegrityError

from talkabiz.domain.errors import Sentence, TalkabizError


class StoreError(TalkabizError):
    """The database can't be opened, read or written: a wrong path, no rights, a full disk, a lock held for too long.

    Nothing of the transaction in question was stored. The cause is chained.
    """

    code = "database_unavailable"
    sentence = Sentence(
        "Database tidak dapat dipakai saat ini. Coba lagi sebentar.",
        "The database can't be used at the moment. Try again in a moment.",
    )

    @property
    def is_refusal(self) -> bool:
        """The database works, and takes everything but this, however often it is tried: a table's rule forbids it."""
        return isinstance(self.__cause__, IntegrityError | sqlite3.DataError)
