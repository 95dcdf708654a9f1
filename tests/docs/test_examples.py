"""docs/examples: what must stand in each file. That nginx, Caddy and systemd take them was tried by hand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from talkabiz import __version__
from talkabiz.child import STOP_SECONDS
from talkabiz.config import Settings
from talkabiz.parent import stop_signals
from talkabiz.realtime.rooms import Rooms
from talkabiz.realtime.server import create_server
from talkabiz.web.reading import LONGEST_WAIT_SECONDS
from talkabiz.web.uploads import LARGEST_UPLOAD
from tests.docs.pages import read
from tests.running import CHECKOUT

UNIT, NGINX, CADDY = (read(f"docs/examples/{name}") for name in ("talkabiz.service", "nginx.conf", "Caddyfile"))
LISTENS_AT = "127.0.0.1:8000"


def unit() -> dict[str, dict[str, str]]:
    """The sections, each key once. A continued line would need more than this."""
    sections: dict[str, dict[str, str]] = {}
    for line in UNIT.splitlines():
        if title := re.fullmatch(r"\[(\w+)\]", line):
            sections[title[1]] = {}
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            assert re.fullmatch(r"[A-Z]\w+", name), line
            section = sections[list(sections)[-1]]
            assert name not in section, f"{name} twice"
            section[name] = value
    return sections


def test_the_unit_has_its_three_sections_and_starts_under_the_supervisor() -> None:
    assert list(unit()) == ["Unit", "Service", "Install"]
    program, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    assert (Path(program).name, arguments) == ("talkabiz", ["serve"])


def test_the_unit_gives_the_program_a_folder_of_its_own_and_nothing_else() -> None:
    service = unit()["Service"]
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
    assert (service["StateDirectoryMode"], service["UMask"]) == ("0700", "0077")
    assert service["User"] not in {"", "root"}
    assert (service["NoNewPrivileges"], service["ProtectSystem"], service["ProtectHome"]) == ("yes", "strict", "yes")
    assert service["CapabilityBoundingSet"] == ""
    assert "MemoryDenyWriteExecute" not in service


def test_the_unit_stops_as_the_supervisor_expects_and_restarts_what_may_come_right() -> None:
    service = unit()["Service"]
    assert service["KillMode"] == "mixed"
    assert service.get("KillSignal", "SIGTERM") in {each.name for each in stop_signals()}
    assert int(service["TimeoutStopSec"]) > STOP_SECONDS, "the supervisor kills first"
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert service["StandardOutput"] == "null", "the first start prints a key"
    assert int(service["LimitNOFILE"]) >= 4096


def directives(text: str) -> list[str]:
    """Of nginx: one a line, with single spaces, without comments."""
    bare = "\n".join(line.partition("#")[0] for line in text.splitlines())
    return [" ".join(each.split()) for each in re.split(r"[;{}]", bare) if each.strip()]


@pytest.mark.parametrize(
    "wanted",
    [
        "proxy_http_version 1.1",
        "proxy_set_header Upgrade $http_upgrade",
        "proxy_set_header Connection $connection_upgrade",
        "proxy_set_header Host $http_host",
        "proxy_set_header X-Forwarded-For $remote_addr",
        "proxy_set_header X-Forwarded-Host $http_host",
        "proxy_set_header X-Forwarded-Proto $scheme",
        'proxy_set_header Forwarded ""',
        f"client_max_body_size {LARGEST_UPLOAD >> 20}m",
        "location ~ ^/(link|login)/",
        "access_log off",
        "location /sandbox",
        "return 404",
    ],
)
def test_nginx_is_told(wanted: str) -> None:
    assert directives(NGINX).count(wanted) == 1


def test_nginx_sends_all_to_where_the_program_listens_and_inherits_the_headers() -> None:
    """A `proxy_set_header` in a location would drop all of those above it."""
    assert NGINX.count("{") == NGINX.count("}")
    sent = [each for each in directives(NGINX) if each.startswith("proxy_pass")]
    assert sent == [f"proxy_pass http://{LISTENS_AT}"] * 2
    for location in re.findall(r"location [^{]*\{([^}]*)\}", NGINX):
        assert "proxy_set_header" not in location


def test_proxies_wait_longer_than_the_longest_answer_and_the_silence_of_sockets() -> None:
    engine = create_server(Rooms(), base_url="https://wa.example.com")._sio.eio
    longest = max(LONGEST_WAIT_SECONDS, engine.ping_interval + engine.ping_timeout)
    [nginx] = re.findall(r"proxy_read_timeout +(\d+)s", NGINX)
    [caddy] = re.findall(r"response_header_timeout (\d+)s", CADDY)
    assert min(int(nginx), int(caddy)) > longest


def test_caddy_forwards_to_where_the_program_listens_and_keeps_the_sandbox_shut() -> None:
    assert CADDY.count("{") == CADDY.count("}")
    lines = [line.strip() for line in CADDY.splitlines()]
    for wanted in (
        f"reverse_proxy {LISTENS_AT} {{",
        "header_up -Forwarded",
        "@sandbox path /sandbox /sandbox/*",
        "respond @sandbox 404",
        f"max_size {LARGEST_UPLOAD >> 20}MiB",
    ):
        assert lines.count(wanted) == 1, wanted


def test_both_expect_the_program_at_its_default_address() -> None:
    fields = Settings.model_fields
    assert f"{fields['host'].default}:{fields['port'].default}" == LISTENS_AT


def test_the_install_page_names_the_wheel_of_this_version() -> None:
    named = set(re.findall(r"talkabiz-([0-9][^-]*)-py3-none-any\.whl", read("docs/install.md")))
    assert named == {__version__}


def test_every_link_between_the_pages_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(CHECKOUT)}: {target}"
        for page in [*Path(CHECKOUT).glob("*.md"), *Path(CHECKOUT, "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
