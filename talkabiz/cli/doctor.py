"""`talkabiz doctor`"""

from __future__ import annotations

from talkabiz.cli.options import AsJson
from talkabiz.cli.printing import EXIT_FAILED, leave, say, say_json
from talkabiz.doctor.examination import examine
from talkabiz.doctor.findings import Check, Status


def doctor(as_json: AsJson = False) -> None:
    """Check all that the server needs, and say what to do.

    One line a check. Nothing is altered: the database isn't brought up to date, and no file is made.
    """
    checks = examine()
    is_well = all(check.status is not Status.FAIL for check in checks)
    if as_json:
        say_json({"ok": is_well, "checks": [check.as_dict() for check in checks]})
    else:
        say("\n".join(map(_line, checks)))
        say(_sum_up(checks))
    leave(0 if is_well else EXIT_FAILED)  # at once: a check that hangs may still be running


def _line(check: Check) -> str:
    advice = f"  ->  {check.advice}" if check.advice else ""
    return f"{check.status:<4}  {check.name:<12}  {check.found}{advice}"


def _sum_up(checks: list[Check]) -> str:
    failures, warnings = (sum(check.status is status for check in checks) for status in (Status.FAIL, Status.WARN))
    if not failures:
        return "\nAll is well." if not warnings else f"\nIt runs. {_count(warnings, 'warning')}."
    return f"\n{_count(failures, 'failure')}, {_count(warnings, 'warning')}: what to do stands behind each."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
