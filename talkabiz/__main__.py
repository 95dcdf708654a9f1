"""`python -m talkabiz`."""

from __future__ import annotations

from talkabiz.cli import main

main()
