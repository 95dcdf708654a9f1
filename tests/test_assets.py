"""static/ and templates/ are found from a checkout and from an installed wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from talkabiz.assets import static_dir, templates_dir
from tests.house import ROOT


def test_a_checkout_serves_its_top_level_folders() -> None:
    assert (static_dir(), templates_dir()) == (ROOT / "static", ROOT / "templates")


@pytest.fixture(scope="module", name="wheel")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(built.glob("*.whl"))


def test_the_wheel_carries_what_the_pages_need_and_no_secret(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    rooms = {name.split("/")[1] for name in names if name.startswith("talkabiz/") and name.count("/") > 1}

    vendored = {Path(name).name for name in names if name.startswith("talkabiz/static/vendor/")}
    assert {"socket.io.esm.min.js", "swagger-ui-bundle.js", "swagger-ui.css"} <= vendored, "run `make vendor` first"
    assert {"static", "templates", "domain", "whatsapp"} <= rooms
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"talkabiz"}
    assert not [name for name in names if "package.json" in name or "package-lock" in name]


def test_an_installed_wheel_finds_its_own_folders(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = "from talkabiz.assets import *; print(static_dir()); print(templates_dir())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    package = tmp_path / "site" / "talkabiz"
    assert done.stdout.split() == [str(package / "static"), str(package / "templates")], done.stderr
