"""`python -m talkabiz.whatsapp.probe`: loads the library and says what it is, one JSON object a line.

A program of its own, for the doctor: the library takes 100 MB for good, and loading it may end the process. Reads from
stdin `{"ca_file", "root_key"}`, each a text or null. What it says first is `{"libmagic": …}`, then `{"library": …}`;
or `{"error": …}` in place of either.
"""

from __future__ import annotations

import importlib.metadata
import json
import mmap
import os
import re
import sys
from pathlib import Path
from typing import Any

from talkabiz.domain.errors import TalkabizError
from talkabiz.whatsapp import binding
from talkabiz.whatsapp.magic import provide_libmagic

# Go writes the modules it was built from into each program, one line each (the format of `go version -m`).
_BUILT_FROM = re.compile(rb"dep\tgo\.mau\.fi/whatsmeow\t(v[^\t\n]+)")
_RELEASED = re.compile(r"-(\d{4})(\d{2})(\d{2})\d{6}-")


def main() -> None:
    wanted = json.load(sys.stdin)
    try:
        provide_libmagic()
        _say({"libmagic": _describe_libmagic()})
        root_key = bytes.fromhex(wanted["root_key"]) if wanted["root_key"] else None
        loaded = binding.load(ca_file=Path(wanted["ca_file"]) if wanted["ca_file"] else None, root_key=root_key)
        _say({"library": _describe(Path(loaded.neonize.gocode._name))})  # noqa: SLF001 - where ctypes keeps the path
    except TalkabizError as error:
        _say({"error": error.message.en})
    except Exception as error:  # noqa: BLE001 - whatever the library's own import raises
        _say({"error": f"{type(error).__name__}: {error}"})
    os._exit(0)  # the library's threads may not let go


def _describe_libmagic() -> str:
    number = sys.modules["magic"].version()
    origin = "brought by pylibmagic" if "pylibmagic" in os.environ.get("MAGIC", "") else "the system's"
    return f"{number // 100}.{number % 100}, {origin}"


def _describe(file: Path) -> str:
    version = importlib.metadata.version("neonize")
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = _BUILT_FROM.search(content)
        engine = found[1].decode() if found else "unknown"
    date = _RELEASED.search(engine)
    return f"neonize {version}, whatsmeow {'-'.join(date.groups()) if date else engine} ({file.name})"


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
