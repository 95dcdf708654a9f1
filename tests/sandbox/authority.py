"""One authority for a test process: it must be there before the library, which reads SSL_CERT_FILE as it is loaded."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from talkabiz.sandbox.certificates import Certificates
from talkabiz.whatsapp.magic import provide_libmagic


@cache
def certificates() -> Certificates:
    """Call it at import, before anything that loads neonize. Each sandbox of the process may use it."""
    if "neonize" in sys.modules:
        raise RuntimeError("neonize is loaded already: the library will never trust this authority")
    directory = Path(tempfile.mkdtemp(prefix="talkabiz-test-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    made = Certificates.create(directory)
    os.environ["SSL_CERT_FILE"] = str(made.ca_file)
    provide_libmagic()
    return made
