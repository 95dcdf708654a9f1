"""The command `talkabiz`, also as `python -m talkabiz`."""

from __future__ import annotations

import signal
import sys

from talkabiz.parent import Parent
from talkabiz.supervisor import Supervisor, own_command

NO_SUPERVISOR = "--no-supervisor"


def main() -> None:
    """What needs a supervisor is seen by the bare arguments: to read them properly takes more memory than it has."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["serve"] and NO_SUPERVISOR not in arguments:
        sys.exit(Supervisor([*own_command(), *arguments, NO_SUPERVISOR]).run())
    parent = Parent.find()  # before the second in which everything else is imported
    try:
        from talkabiz import cli

        cli.main(parent)
    except KeyboardInterrupt:  # in that second; later on a command deals with it
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
