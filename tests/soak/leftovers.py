"""What the library keeps for good: measured, bounded, and written down by `python -m tests.soak.leftovers --write`."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.running import CHECKOUT

PAGE = Path(CHECKOUT) / "docs" / "leaks.md"
COMMAND = "python -m tests.soak.leftovers --write"
BEGIN, END = f"<!-- measured by: {COMMAND} -->", "<!-- end -->"
DEADLINE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Leftover:
    """What each time leaves behind, on average."""

    threads: float
    descriptors: float
    megabytes: float
    disk_megabytes: float
    idle_percent: float
    """Of one processor, for each hundred of them, while nothing happens."""
    abandoned: float
    """As the figure of that name on /metrics has it."""

    def cells(self) -> list[str]:
        shares = (self.threads, self.descriptors, self.megabytes, self.disk_megabytes)
        return [*(f"{share:.2f}" for share in shares), f"{self.idle_percent:.1f} %"]


@dataclass(frozen=True, slots=True)
class Case:
    what: str
    """As `tests.soak.leaks` calls it."""
    title: str
    count: int
    most: Leftover | None = None
    """Some threads and descriptors come once, for all of them; the library keeps one or two connections a store."""
    options: tuple[str, ...] = ()


CASES = [
    Case("cut off", "pairing ended by its person while a code was shown", 100, Leftover(1.08, 1.08, 0.6, 0.01, 1, 1)),
    Case("expired", "pairing whose codes ran out", 100, Leftover(0.08, 1.08, 0.8, 0.01, 1, 0)),
    Case("failed", "pairing without a way to WhatsApp", 100, Leftover(0.08, 1.08, 0.5, 0.01, 1, 0)),
    Case("restarted", "stop and start of a linked session", 200, Leftover(0.08, 2.08, 0.6, 0.01, 1, 0)),
]
UNGUARDED = Case(
    "expired", "pairing whose codes ran out, if its thread weren't led out", 100, options=("--no-release",)
)


def measure(case: Case) -> Leftover:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.leaks", case.what, str(case.count), *case.options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    before, after, rested = report["before"], report["after"], report["rested"]

    def each(name: str) -> float:
        return float(after[name] - before[name]) / case.count

    return Leftover(
        threads=each("threads"),
        descriptors=each("descriptors"),
        megabytes=each("megabytes"),
        disk_megabytes=each("deleted_megabytes"),
        idle_percent=(rested["cpu_seconds"] - after["cpu_seconds"]) * 10 * 100 / case.count,
        abandoned=each("abandoned"),
    )


def table(rows: list[tuple[Case, Leftover]]) -> str:
    head = ["each", "times", "threads", "descriptors", "memory, MB", "disk, MB", "idle processor, a hundred of them"]
    lines = [head, ["---"] * len(head)]
    for case, left in rows:
        lines.append([case.title, str(case.count), *left.cells()])
        if case.most:
            lines.append(["at most", "", *case.most.cells()])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bounds() -> list[str]:
    """The lines of the page that say what is promised."""
    return [table([(case, case.most)]).splitlines()[-1] for case in CASES if case.most]


def write(text: str) -> None:
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    measured = table([(case, measure(case)) for case in [*CASES, UNGUARDED]])
    print(measured)
    if "--write" in sys.argv:
        write(measured)
