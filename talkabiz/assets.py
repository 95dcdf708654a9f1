"""Where the browser's half lies: beside the package in an installed wheel, at the top level in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def static_dir() -> Path:
    return _find("static")


def templates_dir() -> Path:
    return _find("templates")


def _find(name: str) -> Path:
    for home in (_PACKAGE, _PACKAGE.parent):
        if (home / name).is_dir():
            return home / name
    raise FileNotFoundError(f"{name}/ is neither beside nor above {_PACKAGE}: the installation is incomplete.")
