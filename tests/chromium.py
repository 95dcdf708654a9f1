"""Where the machine's Chromium is, and how to start it so that it talks to nobody but the page's own server."""

from __future__ import annotations

import os
import shutil

# The names that .ci/chromium.sh looks for, too.
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ON_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def chromium_path() -> str:
    """The executable for Playwright's `executable_path`.

    Raises:
        RuntimeError: there is none. A missing browser fails the test; it never skips it.

    """
    for name in (*_NAMES, _ON_MACOS):
        if found := shutil.which(name):
            return found
    raise RuntimeError("The browser tests need Chromium or Google Chrome on PATH. `make test` tells how to get it.")


def launch_arguments() -> list[str]:
    """For Playwright's `args`, beside its own: headless, as root too, and silent on the network."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [
        *as_root,
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-client-side-phishing-detection",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-domain-reliability",
        "--disable-extensions",
        "--disable-sync",
        "--metrics-recording-only",
        "--no-first-run",
        "--no-pings",
        # Each version finds something new to ask its makers at a start. It finds nobody, without a look-up.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ]
