"""The keys of one sandbox: a throw-away authority for TLS and a root for Noise, in files of a private directory.

The root stays the same as long as the directory does: by it linked devices know which sandbox they belong to.

They exist before the Go library is loaded, since it reads SSL_CERT_FILE once, at that moment. Nothing here imports it.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

KEY_SIZE = 32
HOSTS = ("web.whatsapp.com", "*.whatsapp.com", "*.whatsapp.net")


@dataclass(frozen=True, slots=True)
class Certificates:
    directory: Path

    @classmethod
    def create(cls, directory: Path) -> Certificates:
        """Makes the directory (0700) and files in it (0600), new ones but for a root that is there already."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        made = cls(directory)
        authority = trustme.CA(organization_name="Talkabiz sandbox", organization_unit_name="throw-away")
        server = authority.issue_cert(*HOSTS)
        _write(made.ca_file, authority.cert_pem.bytes())
        _write(made.server_file, server.private_key_and_cert_chain_pem.bytes())
        if not made.noise_file.exists() or len(made.noise_file.read_bytes()) != KEY_SIZE:
            _write(made.noise_file, X25519PrivateKey.generate().private_bytes_raw())
        return made

    @classmethod
    def load(cls, directory: Path) -> Certificates:
        """The files that `create` made, in this process or another. FileNotFoundError if they aren't there."""
        found = cls(directory)
        for path in (found.ca_file, found.server_file, found.noise_file):
            path.stat()
        return found

    @property
    def ca_file(self) -> Path:
        """PEM; what SSL_CERT_FILE has to name."""
        return self.directory / "ca.pem"

    @property
    def server_file(self) -> Path:
        return self.directory / "server.pem"

    @property
    def noise_file(self) -> Path:
        return self.directory / "noise.key"

    def tls_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def noise_root(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.noise_file.read_bytes())


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
