from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from talkabiz.sandbox.certificates import Certificates


def test_the_directory_and_its_files_are_private(tmp_path: Path) -> None:
    made = Certificates.create(tmp_path / "ca")
    assert made.directory.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in made.directory.iterdir()} == {0o600}


def test_what_was_made_can_be_loaded(tmp_path: Path) -> None:
    made = Certificates.create(tmp_path)
    loaded = Certificates.load(tmp_path)
    assert loaded.noise_root().private_bytes_raw() == made.noise_root().private_bytes_raw()
    assert isinstance(loaded.tls_context(), ssl.SSLContext)


def test_made_again_they_are_new_but_for_the_root_by_which_devices_know_the_sandbox(tmp_path: Path) -> None:
    before = Certificates.create(tmp_path)
    root, authority = before.noise_root().private_bytes_raw(), before.ca_file.read_bytes()

    again = Certificates.create(tmp_path)

    assert again.noise_root().private_bytes_raw() == root
    assert again.ca_file.read_bytes() != authority


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_root_that_was_cut_off_is_made_anew(tmp_path: Path, content: bytes) -> None:
    Certificates(tmp_path).noise_file.write_bytes(content)

    assert len(Certificates.create(tmp_path).noise_root().private_bytes_raw()) == 32


def test_an_empty_directory_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Certificates.load(tmp_path)


@pytest.mark.parametrize("module", ["certificates", "tokens", "nodes", "codec", "faults", "qr", "errors"])
def test_what_runs_before_the_library_does_not_load_it(module: str) -> None:
    program = f"import sys, talkabiz.sandbox.{module}; sys.exit('neonize' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
