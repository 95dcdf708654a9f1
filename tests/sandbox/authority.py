"""One authority and one library for a test process: the library learns whom to trust as it is loaded, and only then."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from talkabiz.sandbox.certificates import Certificates
from talkabiz.whatsapp.binding import load


@cache
def certificates() -> Certificates:
    """Call it at import, before anything that loads neonize. Every sandbox of the process may use it."""
    directory = Path(tempfile.mkdtemp(prefix="talkabiz-test-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    made = Certificates.create(directory)
    load(ca_file=made.ca_file)
    return made
