"""What can go wrong with the database itself."""

from __future__ import annotations

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
