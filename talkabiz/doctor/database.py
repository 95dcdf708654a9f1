"""The database: there, readable and writable by this user, held by nobody for long, and as this version wants it."""

from __future__ import annotations

from pathlib import Path

from talkabiz.doctor.files import can_write, let_write, whose
from talkabiz.doctor.findings import Check, fail, ok, warn
from talkabiz.store.database import parse_url
from talkabiz.store.errors import StoreError
from talkabiz.store.inspection import Fault, Inspection, inspect

DATABASE = "database"
_OTHERS = 0o077
_ELSEWHERE = "or choose another TALKABIZ_DATABASE_URL."


def check_database(url: str) -> Check:
    try:
        seen = inspect(url)
    except StoreError as error:
        return fail(DATABASE, "its address can't be read", error.message.en)
    return _check_rights(seen) or _judge(seen)


def places_of(url: str) -> list[Path]:
    """Where it lies, or would be made. Nowhere, if its address can't be read."""
    try:
        return [parse_url(url)]
    except StoreError:
        return []


def _check_rights(seen: Inspection) -> Check | None:
    """Its directory, too: SQLite's other files are made beside it."""
    folder = seen.path.parent
    if not folder.is_dir():
        return fail(DATABASE, f"there is no directory {folder}", f"Make it: mkdir -p {folder}, {_ELSEWHERE}")
    there = [folder] if seen.fault is Fault.MISSING else [seen.path, folder]
    for path in there:
        if not can_write(path):
            found = f"{path} can't be written by this user ({whose(path)})"
            return fail(DATABASE, found, f"{let_write(path)}, {_ELSEWHERE}")
    return None


def _judge(seen: Inspection) -> Check:
    path, detail = seen.path, seen.detail
    match seen.fault:
        case None if path.stat().st_mode & _OTHERS:
            found = f"other users can read {path} ({whose(path)}), where names and messages stand"
            return warn(DATABASE, found, f"chmod go= {path}*")
        case None:
            return ok(DATABASE, f"{path}: up to date, can be read and written")
        case Fault.MISSING:
            return ok(DATABASE, f"{path} isn't there yet; the first start makes it")
        case Fault.PENDING:
            return fail(DATABASE, f"{path} isn't up to date: {detail} is missing", "Run: talkabiz migrate")
        case Fault.NEWER:
            return fail(DATABASE, f"{path} was made by a newer version ({detail})", "Update Talkabiz.")
        case Fault.LOCKED:
            advice = f"See who, and end it: fuser -v {path}"
            return fail(DATABASE, f"another program holds {path} and lets nobody write", advice)
        case Fault.UNREADABLE:
            return fail(DATABASE, f"{path} can't be read: {detail}", f"Put it right, {_ELSEWHERE}")
        case Fault.NOT_A_DATABASE:
            advice = f"Put a backup in its place, {_ELSEWHERE}"
            return fail(DATABASE, f"{path} is no database, or a broken one: {detail}", advice)
