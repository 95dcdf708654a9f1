"""Reading a tree of source: what the rules of tests/house.py look at."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def modules(root: Path) -> list[Path]:
    return sorted((root / "talkabiz").rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def calls(root: Path) -> Iterator[tuple[Path, ast.Call]]:
    for path in modules(root):
        yield from ((path, node) for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def imports(root: Path) -> Iterator[tuple[Path, int, str]]:
    """Each imported name with its module, so that `from neonize import proto` is `neonize.proto`."""
    for path in modules(root):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                yield from ((path, node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((path, node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def name_of(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def at(root: Path, path: Path, line: int) -> str:
    return f"{path.relative_to(root)}:{line}"


def tracked(root: Path) -> list[Path]:
    """What git tracks; in a tree without git, what the build didn't make."""
    if not (root / ".git").exists():
        made = {".venv", "build", "vendor"}
        return [path for path in root.rglob("*") if path.is_file() and not made & set(path.parts)]
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [root / name for name in names.split("\0") if name and (root / name).is_file()]


def python(root: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "400"}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
