"""What of sessions/ is refused when others can read it, what is closed, and that what is told to do helps."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from talkabiz.doctor.files import check_sessions
from talkabiz.doctor.findings import Status
from talkabiz.whatsapp.devices import Devices, SessionsUnsafe

NAMES = ("1/A.db", "1/A.db-wal", ".heard/7.spool", ".secret.key", ".sandbox/companions/2/B.db", ".lock")
CONFINED = """
import ctypes, os, sys
for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
CHECK = """
import sys
from pathlib import Path
from talkabiz.doctor.files import check_sessions
from talkabiz.whatsapp.devices import Devices, SessionsUnsafe
print(check_sessions(Path(sys.argv[1])))
try:
    Devices.check(Path(sys.argv[1]))
except SessionsUnsafe as refused:
    print(refused)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """As a server leaves it. In a folder whose name a shell would take for two, and more."""
    made = tmp_path / "Toko Sinar's (1)" / "sessions"
    for name in NAMES:
        put(made / name)
    Devices.check(made)
    return made


def put(path: Path) -> Path:
    for folder in reversed(path.parents):
        folder.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(root: Path) -> str:
    """The sentence of a start; `talkabiz doctor` knows of it too."""
    with pytest.raises(SessionsUnsafe) as refused:
        Devices.check(root)
    assert check_sessions(root).status is Status.FAIL
    return str(refused.value)


def obey(sentence: str) -> str:
    """Does what it says to run, as a shell takes it."""
    command = sentence.rpartition("Run: ")[2]
    subprocess.run(["sh", "-c", command], check=True)
    return command


# --- what is open -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wide", ["", "1", "1/A.db", "1/A.db-wal", ".heard/7.spool", ".secret.key"])
@pytest.mark.parametrize("right", [0o040, 0o004, 0o020, 0o010, 0o001])
def test_nothing_is_closed_behind_the_back_of_who_may_have_lost_a_key(root: Path, wide: str, right: int) -> None:
    """Directory or file, group or others, to read or to write: it is for the operator to know."""
    before = mode(root / wide)
    (root / wide).chmod(before | right)

    what = f"{wide} in the sessions" if wide else "the sessions"
    told = refusal(root)
    assert f"can read {what} directory {root};" in told
    assert mode(root / wide) == before | right

    assert obey(told).startswith("chmod -R go= ")
    Devices.check(root)


def test_one_command_closes_all_that_a_copy_left_open(root: Path) -> None:
    subprocess.run(["chmod", "-R", "a+rX", root], check=True)
    obey(refusal(root))
    Devices.check(root)


@pytest.mark.parametrize("wide", ["", "1", "1/A.db", "holiday.jpg", "albums/2 & 3.jpg"])
def test_where_there_is_more_than_ours_no_more_than_what_is_open_is_to_be_closed(root: Path, wide: str) -> None:
    for name in ("holiday.jpg", "albums/1.jpg", "albums/2 & 3.jpg"):
        put(root / name)
    (root / wide).chmod(mode(root / wide) | 0o055)
    (other := put(root / "unread")).chmod(0o700)

    command = obey(refusal(root))

    assert command.startswith("chmod -R go= " if wide else "chmod 700 ")
    assert other.name not in command
    Devices.check(root)


def test_of_a_directory_that_is_plainly_for_something_else_only_the_outside_is_to_be_closed(root: Path) -> None:
    (picture := put(root / "holiday.jpg")).chmod(0o644)
    root.chmod(0o755)
    obey(refusal(root))
    assert (mode(root), mode(picture)) == (0o700, 0o644)
    assert "holiday.jpg" in refusal(root), "and then what lies in it, one by one"


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["3", "1/C.db", ".heard/8.spool", "backup"])
def test_a_symbolic_link_is_refused_until_what_is_behind_it_has_taken_its_place(root: Path, where: str) -> None:
    """Also where nobody could read that at the moment."""
    behind = put(root.parent / "elsewhere" / "A.db").parent
    (root / where).symlink_to(behind)

    told = refusal(root)
    assert f"{where} in the sessions directory {root} is a symbolic link" in told
    assert "Move that to where the link is" in told
    assert "chmod" not in told
    (behind / "A.db").chmod(0o644)
    assert refusal(root) == told, "nobody looks behind it"

    (root / where).unlink()
    behind.rename(root / where)
    obey(refusal(root))
    Devices.check(root)


def test_the_directory_itself_may_be_one(root: Path) -> None:
    (named := root.parent / "named").symlink_to(root)
    Devices.check(named)
    (root / "1" / "A.db").chmod(0o604)
    obey(refusal(named))
    Devices.check(named)


@pytest.mark.parametrize("to", ["loop", "nowhere", "."])
def test_one_that_leads_nowhere_or_round_and_round_is_one_too(root: Path, to: str) -> None:
    (root / "1" / "loop").symlink_to(to)
    assert "1/loop in the sessions directory" in refusal(root)


# --- what can't be looked at ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [0o000, 0o300, 0o600])
def test_what_can_not_be_looked_at_is_as_good_as_open(root: Path, closed: int) -> None:
    """The rights of files hold for the program, also where the superuser runs these tests."""
    (root / "1" / "A.db").chmod(0o644)
    (root / "1").chmod(closed)

    look, _, told = _checked(root).partition("\n")
    assert "can't be looked at" in look
    assert "It can't be told who can read 1" in told

    obey(told.strip())
    assert mode(root / "1" / "A.db") == 0o600
    Devices.check(root)


def _checked(root: Path) -> str:
    """What the doctor and a start say."""
    command = [sys.executable, "-c", CONFINED, CHECK, str(root)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# --- the sandbox's ----------------------------------------------------------------------------------------------------


def test_what_an_older_sandbox_left_open_is_closed_by_the_next_start(root: Path) -> None:
    for name in ("state-media/abc", "state.json"):
        put(root / ".sandbox" / name)
    subprocess.run(["chmod", "-R", "a+rwX", root / ".sandbox"], check=True)
    looked = check_sessions(root)
    assert (looked.status, "belongs to the sandbox" in looked.found) == (Status.WARN, True)
    assert mode(root / ".sandbox" / "state.json") == 0o666, "a look alters nothing"

    Devices.check(root)

    assert [path for path in root.rglob("*") if path.stat().st_mode & 0o077] == []
    assert check_sessions(root).status is Status.OK


def test_the_rest_is_told_first_and_nothing_is_closed_then(root: Path) -> None:
    (root / ".sandbox").chmod(0o755)
    (root / "1").chmod(0o755)
    assert "can read 1 in" in refusal(root)
    assert (mode(root / ".sandbox"), mode(root / "1")) == (0o755, 0o755)


def test_a_link_in_it_is_neither_followed_nor_let_by(root: Path) -> None:
    (account := put(root.parent / "elsewhere" / "A.db")).chmod(0o644)
    (root / ".sandbox" / "state-media").symlink_to(account.parent)
    (root / ".sandbox" / "state.json").symlink_to(account)
    (root / ".sandbox").chmod(0o755)
    assert ".sandbox/state" in refusal(root)
    assert mode(account) == 0o644


def test_what_is_not_ours_in_it_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".sandbox").chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    obey(refusal(root))
    Devices.check(root)
