"""What holds for every test: the settings of whoever runs them don't reach the product."""

from __future__ import annotations

import os

# At import, before any fixture or collected module can read them.
for _name in [name for name in os.environ if name.startswith("TALKABIZ_")]:
    del os.environ[_name]
