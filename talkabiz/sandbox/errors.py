"""What the sandbox refuses: each with a stable code, a sentence in two languages and an HTTP status."""

from __future__ import annotations


class SandboxError(Exception):
    """A wish that the sandbox refuses; nothing was changed."""

    def __init__(self, code: str, id: str, en: str, status: int = 422) -> None:  # noqa: A002 - the language's code
        super().__init__(en)
        self.code = code
        self.id = id
        self.en = en
        self.status = status


class WireError(Exception):
    """A client spoke something else than the protocol; its own connection ends, nothing more."""


class QueryError(Exception):
    """What a query is answered with when it can't be granted, e.g. 404 and `item-not-found`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
