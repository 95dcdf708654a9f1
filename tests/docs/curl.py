"""Those few of curl's options that the pages use, for a machine that has no curl, or one too old for `--json`.

A program of its own: `python curl.py URL …`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import httpx

EXIT_NO_CONNECTION = 7


def main() -> int:
    asked = _options().parse_args()
    headers = dict(header.split(": ", 1) for header in asked.header)
    how: dict[str, Any] = {"content": asked.json}
    if asked.form:
        pairs = [field.partition("=")[::2] for field in asked.form]
        files = {
            name: (value[1:], Path(value[1:]).read_bytes(), "text/plain") for name, value in pairs if value[0] == "@"
        }
        how = {"files": files, "data": {name: value for name, value in pairs if value[0] != "@"}}
    if asked.json is not None:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
    method = asked.request or ("GET" if asked.json is None and not asked.form else "POST")
    try:
        answer = httpx.request(method, asked.url, headers=headers, **how, timeout=30, trust_env=False)
    except httpx.TransportError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_NO_CONNECTION
    if asked.dump_header:
        lines = [f"{name}: {value}\n" for name, value in answer.headers.items()]
        Path(asked.dump_header).write_text("".join(lines), encoding="utf-8")
    if asked.output:
        Path(asked.output).write_bytes(answer.content)
    else:
        sys.stdout.buffer.write(answer.content)
    told = asked.write_out.replace("%{http_code}", str(answer.status_code)).replace("\\n", "\n")
    sys.stdout.buffer.write(told.encode())
    return 0


def _options() -> argparse.ArgumentParser:
    """Whatever else a page comes to use is refused here, by argparse."""
    options = argparse.ArgumentParser("curl", allow_abbrev=False)
    options.add_argument("-s", action="store_true")
    options.add_argument("-H", dest="header", action="append", default=[])
    options.add_argument("-X", dest="request")
    options.add_argument("-F", dest="form", action="append", default=[], help="A field, or `=@` and a file of text.")
    options.add_argument("-o", dest="output")
    options.add_argument("-D", dest="dump_header")
    options.add_argument("-w", dest="write_out", default="")
    options.add_argument("--json")
    options.add_argument("url")
    return options


if __name__ == "__main__":
    sys.exit(main())
