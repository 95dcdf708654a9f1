"""What `--help` says besides the options: how a command is used, and what its exit code means."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES = "Examples:"
_AS_IT_STANDS = "\b\n"  # typer wraps each paragraph that doesn't begin with it


def epilog(*examples: str, exits: Mapping[int, str] | None = None, more: str = "") -> str:
    """For `command(epilog=…)`. Each example is a command line as a person types it."""
    parts = [_block(EXAMPLES, examples)]
    if exits:
        parts.append(_block("Exit codes:", [f"{code}  {meaning}" for code, meaning in exits.items()]))
    return "\n\n".join([*parts, more] if more else parts)


def _block(title: str, lines: tuple[str, ...] | list[str]) -> str:
    return _AS_IT_STANDS + "\n".join([title, *(f"  {line}" for line in lines)])
