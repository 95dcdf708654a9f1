"""libmagic, the shared library that neonize needs as soon as it is imported, from wherever it can be had."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
from pathlib import Path


def provide_libmagic() -> None:
    """Makes `import magic` succeed: with the system's libmagic if there is one, else with the one of pylibmagic.

    Call it before neonize is imported. pylibmagic itself is never imported: that would replace `ctypes.CDLL.__init__`
    and put its folder into LD_LIBRARY_PATH, for us and for every child. Only its files are used.

    Raises:
        ImportError: there is neither; the sentence says what to install.

    """
    try:
        importlib.import_module("magic")
    except ImportError:
        _import_with(_packaged())


def _packaged() -> Path:
    spec = importlib.util.find_spec("pylibmagic")
    if spec is None or spec.origin is None:
        raise ImportError("libmagic is missing: install the package pylibmagic, or the system's libmagic1 (libmagic).")
    return Path(spec.origin).parent


def _import_with(home: Path) -> None:
    # libmagic looks here for its database, which has to be of the library's own version.
    os.environ["MAGIC"] = str(home / "magic.mgc")
    if sys.platform == "darwin":
        _import_from_search_path(home)
    else:
        # Once mapped, the library answers to its name, and by that name python-magic opens it.
        ctypes.CDLL(str(home / "libmagic.so.1"))
        importlib.import_module("magic")


def _import_from_search_path(home: Path) -> None:
    before = os.environ.get("DYLD_LIBRARY_PATH")
    os.environ["DYLD_LIBRARY_PATH"] = str(home)  # python-magic searches it, and only while it is imported
    try:
        importlib.import_module("magic")
    finally:
        del os.environ["DYLD_LIBRARY_PATH"]
        if before is not None:
            os.environ["DYLD_LIBRARY_PATH"] = before
