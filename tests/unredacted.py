"""`python -m tests.unredacted …`: the command without its redaction, to show what a search of its log would find."""

from __future__ import annotations

import sys

from talkabiz import redaction, stderr


def _as_it_is(text: str) -> str:
    return text


def main() -> None:
    for module in (redaction, stderr):
        setattr(module, "redact", _as_it_is)  # noqa: B010 - both have it under this name
    setattr(redaction, "kind_of", lambda _: redaction.Kind.PLAIN)  # noqa: B010 - as above
    redaction._PARTIES = frozenset()
    from talkabiz.__main__ import main as run

    sys.argv[0] = "talkabiz"
    run()


if __name__ == "__main__":
    main()
