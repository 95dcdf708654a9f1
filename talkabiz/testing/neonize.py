"""`python -m talkabiz.testing.neonize bot.py …`: a program that uses neonize itself, made to speak with a sandbox.

The library reads proxy and authority from the environment as the process begins, and its root key is in its memory. So
this starts itself once more with the first two, swaps the third and then runs the program as `python bot.py …` would.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from talkabiz.setting_names import PREFIX

_READY = "TALKABIZ_TESTING_NEONIZE"
_USAGE = (
    "Usage: python -m talkabiz.testing.neonize SCRIPT [ARGUMENT …], with TALKABIZ_WA_PROXY_URL, TALKABIZ_WA_CA_FILE "
    "and TALKABIZ_WA_ROOT_KEY in the environment: the settings of the fixture whatsapp_sandbox."
)


def main() -> None:
    given = [os.environ.get(f"{PREFIX}WA_{name}", "") for name in ("PROXY_URL", "CA_FILE", "ROOT_KEY")]
    if len(sys.argv) < 2 or not all(given):  # noqa: PLR2004 - ourselves and the script
        sys.exit(_USAGE)
    proxy_url, ca_file, root_key = given
    if os.environ.pop(_READY, None) is None:
        again = [sys.executable, "-m", "talkabiz.testing.neonize", *sys.argv[1:]]
        trusting = {"HTTPS_PROXY": proxy_url, "https_proxy": proxy_url, "SSL_CERT_FILE": ca_file, _READY: "1"}
        os.execve(sys.executable, again, {**os.environ, **trusting})  # noqa: S606 - ourselves
    from talkabiz.whatsapp.bare import load_bare  # noqa: PLC0415 - in the second process, whose environment it needs

    load_bare(bytes.fromhex(root_key))
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
