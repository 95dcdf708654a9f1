"""`python -m tests.faults` plays every fault and shows the page, `--write` writes it; names of faults choose some."""

from __future__ import annotations

import asyncio
import sys

import structlog

from tests.sandbox.authority import certificates

CERTIFICATES = certificates()

# Only now, for these need the library.
from talkabiz.sandbox.noise import Authority  # noqa: E402
from talkabiz.sandbox.tokens import read_tokens  # noqa: E402
from talkabiz.whatsapp import library  # noqa: E402
from talkabiz.whatsapp.binding import load  # noqa: E402
from tests.faults.matrix import cases, play_all  # noqa: E402
from tests.faults.page import PAGE, draw  # noqa: E402

ERRORS = 40


def main(arguments: list[str]) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ERRORS))
    binding = load(ca_file=CERTIFICATES.ca_file, root_key=Authority(CERTIFICATES.noise_root()).root_key)
    chosen = [case for case in cases() if not set(arguments) - {"--write"} or str(case) in arguments]
    page = draw(asyncio.run(play_all(binding, read_tokens(library.regions()), chosen)))
    if arguments == ["--write"]:
        PAGE.write_text(page)
    else:
        sys.stdout.write(page)


if __name__ == "__main__":
    main(sys.argv[1:])
