"""What the settings take, what they refuse, and in which words; and that the papers about them are true."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from pydantic import ValidationError

from talkabiz import setting_values as values
from talkabiz.config import Settings, sentences
from talkabiz.domain.quota import Quota
from talkabiz.domain.secret_keys import parse_secret_key
from talkabiz.parent import VARIABLE
from tests.running import CHECKOUT

GOOD_KEY = "b6f1c9027a5e4d83b6f1c9e1"
DOCS = Path(CHECKOUT, "docs", "settings.md")
EXAMPLE = Path(CHECKOUT, ".env.example")
NO_EXAMPLE = {f"TALKABIZ_{name}" for name in ("API_KEY", "REDIS_URL", "SECRET_KEY", "WA_ROOT_KEY")}
NAMES = [f"TALKABIZ_{name.upper()}" for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder without `.env`, and where it would lie."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".env"


def refusals(**environment: str) -> list[str]:
    """What a start with these settings says; empty if nothing is wrong."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            Settings()
        except ValidationError as error:
            return sentences(error)
    return []


def refusal(**environment: str) -> str:
    found = refusals(**environment)
    assert len(found) == 1, found
    assert found[0].endswith((".", "?")), "a sentence"
    return found[0]


def read(**environment: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return Settings()


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TALKABIZ_PROT", "did you mean TALKABIZ_PORT?"),
        ("TALKABIZ_APIKEY", "did you mean TALKABIZ_API_KEY?"),
        ("TALKABIZ_ALLOWED_ORIGIN", "did you mean TALKABIZ_ALLOWED_ORIGINS?"),
        ("TALKABIZ_TRUSTED_PROXY", "did you mean TALKABIZ_TRUSTED_PROXIES?"),
        ("talkabiz_databse_url", "did you mean TALKABIZ_DATABASE_URL?"),
        ("TALKABIZ_COFFEE", "`talkabiz serve --help` lists all"),
        ("TALKABIZ_", "`talkabiz serve --help` lists all"),
    ],
)
def test_a_misspelt_setting_is_named_with_what_may_be_meant(name: str, meant: str, place: Path) -> None:
    said = refusal(**{name: "1"})
    assert said.startswith(f"{name} is no setting of Talkabiz")
    assert meant in said
    place.write_text(f"# our own\n\n{name}=1\n")
    assert refusal() == f".env, line 3: {said}"


def test_all_misspelt_settings_are_named_at_once(place: Path) -> None:
    place.write_text("TALKABIZ_HOTS=1\n")
    assert len(refusals(TALKABIZ_PROT="1", TALKABIZ_LANGUGE="id")) == 3


def test_names_of_other_programs_and_those_within_the_program_are_none_of_ours(place: Path) -> None:
    place.write_text("PORT=1\nexport POSTGRES_PASSWORD='x y'\nMY_TALKABIZ_URL=http://x\nLONELY\n")
    assert refusals(TALKABIZ="1", TALKABIZEN_X="1", **{VARIABLE: "{}"}) == []


def test_settings_are_read_from_the_environment_and_before_that_nothing_from_the_file(place: Path) -> None:
    place.write_text('TALKABIZ_PORT=8001\nTALKABIZ_HOST="::1"\nexport TALKABIZ_LANGUAGE=en # comment\n')
    found = read(TALKABIZ_PORT="8002")
    assert (found.port, found.host, found.language) == (8002, "::1", "en")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"TALKABIZ_PORT 8001\n", ".env, line 1: can't be read. Write NAME=value"),
        (b"\n\n# x\nTALKABIZ_API_KEY='never closed\nTALKABIZ_PORT=1\n", ".env, line 4: can't be read."),
        (b"A=1\n\nTALKABIZ_PORT\n", ".env, line 3: TALKABIZ_PORT has no value."),
        (b"TALKABIZ_HOST=caf\xe9\n", ".env isn't text in UTF-8."),
        (b"\xff\xfeT\x00", ".env isn't text in UTF-8."),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_by_its_line(text: bytes, sentence: str, place: Path) -> None:
    place.write_bytes(text)
    said = refusal()
    assert said.startswith(sentence)
    assert "never closed" not in said


def test_a_file_that_is_no_file_is_refused(place: Path) -> None:
    place.mkdir()
    assert refusal().startswith(".env can't be read: Is a directory.")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(st.binary(max_size=60) | st.text("TALKABIZ_PORT='\"=# \\\n\r$}{", max_size=60).map(str.encode))
def test_whatever_stands_in_the_file_it_is_read_or_refused(place: Path, text: bytes) -> None:
    place.write_bytes(text)
    assert all(said.endswith((".", "?")) for said in refusals())


# --- empty ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_empty_is_the_same_as_not_given(name: str, place: Path) -> None:
    assert read(**{name: ""}) == Settings()
    place.write_text(f"{name}=\n")
    assert Settings() == Settings.model_construct()


# --- API_KEY ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (" ", "at least 24"),
        ("hunter2", "at least 24"),
        (GOOD_KEY[:23], "at least 24"),
        (GOOD_KEY + " and more", "without spaces"),
        (f" {GOOD_KEY}", "without spaces"),
        (GOOD_KEY + "é", "ASCII"),
        (GOOD_KEY + "\n", "without spaces"),
        ("a" * 24, "too easy"),
        ("0" * 32, "too easy"),
        ("abcabcabcabcabcabcabcabc", "too easy"),
        ("12345678901234567890123456", "too easy"),
        ("correcthorse-correcthorse-", "too easy"),
        ("abcdefghijklmnopqrstuvwxyz", "too easy"),
        ("qwertyuiopasdfghjklzxcvbnm", "too easy"),
        ("zyxwvutsrqponmlkjihgfedcba", "too easy"),
        ("abcdefgabcdefgabcdefgabcdefg", "too easy"),
        ("429683C4C977415CAAFCCE10F7D57E11", "placeholder"),
        ("429683c4c977415caafcce10f7d57e11", "placeholder"),
        ("B6D711FCDE4D4FD5936544120E713976", "placeholder"),
        ("THISISMYSECURETOKEN-THIS-IS", "placeholder"),
        ("changeme-changeme-now-please", "placeholder"),
        ("Please_Change_Me_1234567890", "placeholder"),
        ("your-api-key-goes-here-1234", "placeholder"),
        ("replace-this-with-your-key-1", "placeholder"),
        ("your-secure-random-key-here", "placeholder"),
        ("ganti-dengan-kunci-rahasia", "placeholder"),
    ],
)
def test_a_key_that_others_could_guess_is_refused_and_not_repeated(key: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(TALKABIZ_API_KEY=key)
    (said,) = sentences(refused.value)
    assert said.startswith("TALKABIZ_API_KEY ")
    assert sentence in said
    assert "openssl rand" in said
    everything = f"{refused.value} {refused.value!r} {refused.value.errors()} {said}"
    assert not key.strip() or key.strip() not in everything
    assert refused.value.__suppress_context__, "the context, which holds the key, would be printed"


@pytest.mark.parametrize(
    "key", [GOOD_KEY, "an-admin-key-for-tests-only", "tkb_8Fh2kQ0z_x9LmN4pR7sT1uV3wY5", "!" + GOOD_KEY]
)
def test_a_key_that_nobody_guesses_is_taken(key: str) -> None:
    assert read(TALKABIZ_API_KEY=key).api_key == key


@given(st.binary(min_size=24, max_size=24))
def test_what_the_refusal_proposes_would_do(random: bytes) -> None:
    """`openssl rand -hex 24`; but for what chance makes of fewer than eight different bytes."""
    key = random.hex()
    if len(set(key)) >= 8 and not values._repeats(key):
        assert values.check_api_key(key) == key


def test_a_key_is_not_shown_where_settings_are_shown() -> None:
    settings = Settings(api_key=GOOD_KEY)
    assert GOOD_KEY not in repr(settings)
    assert GOOD_KEY not in str(settings)


def test_no_example_of_ours_gives_a_key_that_would_be_taken() -> None:
    papers = [Path(CHECKOUT, "README.md"), EXAMPLE, *Path(CHECKOUT, "docs").rglob("*.md")]
    given = [found for paper in papers for found in re.findall(r"API_KEY[=:] *[\"']?(\S+)", paper.read_text())]
    for key in given:
        with pytest.raises(ValueError, match=r"must|is "):
            values.check_api_key(key)


# --- SECRET_KEY -------------------------------------------------------------------------------------------------------

SEALING = "2c8f0d1e4b7a69533dfe1a0b9c8d7e6f5a4b3c2d1e0f99887766554433221100"


@pytest.mark.parametrize(
    "key",
    [
        SEALING,
        SEALING.upper(),
        f" {SEALING}\n",
        base64.b64encode(bytes.fromhex(SEALING)).decode(),
        base64.urlsafe_b64encode(bytes.fromhex(SEALING)).decode().rstrip("="),
    ],
)
def test_a_key_of_32_bytes_is_taken_however_it_is_written(key: str) -> None:
    assert parse_secret_key(read(TALKABIZ_SECRET_KEY=key).secret_key) == bytes.fromhex(SEALING)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (" ", "must be 32 random bytes"),
        ("hunter2", "must be 32 random bytes"),
        (SEALING[:-2], "must be 32 random bytes"),
        (SEALING[:-1] + "g", "must be 32 random bytes"),
        (SEALING + "00", "must be 32 random bytes"),
        ("correct horse battery staple 123", "must be 32 random bytes"),
        ("0" * 64, "too easy"),
        ("0123456789abcdef" * 4, "too easy"),
        ("A" * 43 + "=", "too easy"),
    ],
)
def test_a_key_that_seals_nothing_is_refused_and_not_repeated(key: str, sentence: str) -> None:
    said = refusal(TALKABIZ_SECRET_KEY=key)
    assert said.startswith("TALKABIZ_SECRET_KEY ")
    assert sentence in said
    assert not key.strip() or key.strip() not in said


def test_the_sealing_key_is_not_shown_where_settings_are_shown() -> None:
    assert SEALING not in f"{Settings(secret_key=SEALING)!r} {Settings(secret_key=SEALING)}"


@given(st.binary(min_size=32, max_size=32))
def test_what_the_refusal_of_a_sealing_key_proposes_would_do(random: bytes) -> None:
    """`openssl rand -hex 32`; but for what chance makes of fewer than 16 different bytes."""
    if len(set(random)) >= 16:
        assert values.check_secret_key(random.hex()) == random.hex()


# --- the others -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://wa.example.com", "https://wa.example.com"),
        ("https://wa.example.com/", "https://wa.example.com"),
        ("HTTPS://WA.Example.com:443", "https://wa.example.com"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[2001:DB8::1]:8000", "http://[2001:db8::1]:8000"),
        (" http://192.0.2.7:80 ", "http://192.0.2.7"),
    ],
)
def test_an_address_for_people_is_kept_as_browsers_write_it(text: str, url: str) -> None:
    assert read(TALKABIZ_BASE_URL=text).public_url(1) == url
    assert read(TALKABIZ_ALLOWED_ORIGINS=f"{text},{text}").allowed_origins == (url, url)


NO_ORIGIN = [
    *("wa.example.com", "localhost:8000", "ftp://wa.example.com", "https://", "https:///x", "https://:443", "null"),
    *(
        "https://wa.example.com/app",
        "https://wa.example.com?x",
        "https://wa.example.com/#x",
        "https://me@wa.example.com",
    ),
    *("https://wa.example.com:port", "https://wa.example.com:99999", "https://[::1", "https://wa example.com"),
    *("https://*.example.com", "https://bücher.example", "https://wa..example.com", "javascript:alert(1)", "//x"),
]


@pytest.mark.parametrize("text", NO_ORIGIN)
def test_what_is_no_address_for_people_is_refused(text: str) -> None:
    assert refusal(TALKABIZ_BASE_URL=text).startswith("TALKABIZ_BASE_URL must ")
    assert refusal(TALKABIZ_ALLOWED_ORIGINS=f"https://a.example,{text}").startswith("TALKABIZ_ALLOWED_ORIGINS must ")


def test_all_sites_at_once_can_not_be_allowed() -> None:
    assert "must name each site" in refusal(TALKABIZ_ALLOWED_ORIGINS="*")


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("127.0.0.1", ["127.0.0.1/32"]),
        ("127.0.0.1, ::1,10.0.0.0/8 ,", ["127.0.0.1/32", "::1/128", "10.0.0.0/8"]),
        ("2001:db8::/32", ["2001:db8::/32"]),
        ("::ffff:192.0.2.1", ["192.0.2.1/32"]),
        ("::ffff:192.0.2.0/120", ["192.0.2.0/24"]),
    ],
)
def test_proxies_are_addresses_and_networks(text: str, networks: list[str]) -> None:
    assert [str(network) for network in read(TALKABIZ_TRUSTED_PROXIES=text).trusted_proxies] == networks


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("localhost", "no names"),
        ("127.0.0.1:80", "no ports"),
        ("127.0.0.1 ::1", "addresses or networks"),
        ("10.0.0.1/8", "by its first address: 10.0.0.0/8"),
        ("0.0.0.0/0", "must not be everybody"),
        ("127.0.0.1,::/0", "must not be everybody"),
        ("*", "addresses or networks"),
        ("10.0.0.0/33", "addresses or networks"),
    ],
)
def test_proxies_that_make_no_sense_are_refused(text: str, sentence: str) -> None:
    said = refusal(TALKABIZ_TRUSTED_PROXIES=text)
    assert said.startswith("TALKABIZ_TRUSTED_PROXIES must ")
    assert sentence in said


def test_limits_are_a_count_and_a_time_or_off() -> None:
    usual = Settings()
    assert (usual.start_limit, usual.login_limit, usual.request_limit) == (
        *(Quota(10, 3600), Quota(10, 900), Quota(600, 60)),
    )
    found = read(TALKABIZ_START_LIMIT="3/second", TALKABIZ_LOGIN_LIMIT="off", TALKABIZ_REQUEST_LIMIT="5/15 minutes")
    assert (found.start_limit, found.login_limit, found.request_limit) == (Quota(3, 1), None, Quota(5, 900))


@pytest.mark.parametrize("name", ["START_LIMIT", "LOGIN_LIMIT", "REQUEST_LIMIT"])
@pytest.mark.parametrize("text", ["0/hour", "-1/hour", "10", "many", "10 per hour"])
def test_a_limit_that_is_none_is_refused(name: str, text: str) -> None:
    said = refusal(**{f"TALKABIZ_{name}": text})
    assert said.startswith(f"TALKABIZ_{name} must ")
    assert '"off"' in said


@pytest.mark.parametrize("text", ["localhost", "receiver.internal:9000, 10.0.0.0/8", "::1", "192.168.1.7:8080"])
def test_local_receivers_are_hosts_addresses_and_networks(text: str) -> None:
    assert read(TALKABIZ_WEBHOOK_ALLOW_HOSTS=text).webhook_allow_hosts


@pytest.mark.parametrize("text", ["http://localhost", "local host", "x:port", "x:0", "10.0.0.1/8", "a/b", ":80"])
def test_receivers_that_are_no_hosts_are_refused(text: str) -> None:
    assert refusal(TALKABIZ_WEBHOOK_ALLOW_HOSTS=text).startswith("TALKABIZ_WEBHOOK_ALLOW_HOSTS must be hosts")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ENGINES": "1"}, "TALKABIZ_ENGINES above 0 is not built yet"),
        ({"REDIS_URL": "redis://user:password@x"}, "TALKABIZ_REDIS_URL is not built yet"),
        ({"LANGUAGE": "fr"}, "TALKABIZ_LANGUAGE must be 'id' or 'en'."),
        ({"LOG_FORMAT": "xml"}, "TALKABIZ_LOG_FORMAT must be 'console' or 'json'."),
        ({"LOG_LEVEL": "DEBUG"}, "TALKABIZ_LOG_LEVEL must be 'debug',"),
        ({"PORT": "http"}, "TALKABIZ_PORT must be a whole number."),
        ({"PORT": "tcp://10.0.0.1:8000"}, "TALKABIZ_PORT must be a whole number."),
        ({"PORT": "65536"}, "TALKABIZ_PORT must be less than or equal to 65535."),
        ({"PAIRING_SECONDS": "two"}, "TALKABIZ_PAIRING_SECONDS must be a number."),
        ({"PAIRING_SECONDS": "161"}, "TALKABIZ_PAIRING_SECONDS must be less than or equal to 160."),
        ({"PAIRING_SECONDS": "nan"}, "TALKABIZ_PAIRING_SECONDS must be "),
        ({"QR_REQUEST_SECONDS": "inf"}, "TALKABIZ_QR_REQUEST_SECONDS must be less than or equal to 600."),
        ({"QR_REQUEST_SECONDS": "0"}, "TALKABIZ_QR_REQUEST_SECONDS must be greater than 0."),
        ({"JOURNAL_DAYS": "-1"}, "TALKABIZ_JOURNAL_DAYS must be greater than or equal to 0."),
        ({"WEBHOOK_DAYS": "3651"}, "TALKABIZ_WEBHOOK_DAYS must be less than or equal to 3650."),
        ({"AUTO_REFRESH_ROUNDS": "0"}, "TALKABIZ_AUTO_REFRESH_ROUNDS must be greater than 0."),
        ({"MAX_MEMORY": "-1"}, "TALKABIZ_MAX_MEMORY must be greater than or equal to 0."),
        ({"WA_PROXY_URL": "127.0.0.1:8443"}, "TALKABIZ_WA_PROXY_URL must be http:// with a host and a port"),
        ({"WA_PROXY_URL": "http://127.0.0.1"}, "TALKABIZ_WA_PROXY_URL must be http:// with a host and a port"),
        ({"WA_CA_FILE": "nowhere.pem"}, "TALKABIZ_WA_CA_FILE must be a file that can be read: No such file"),
        ({"WA_ROOT_KEY": "00"}, "TALKABIZ_WA_ROOT_KEY must be 64 hex digits"),
        ({"WA_ROOT_KEY": "0g" * 32}, "TALKABIZ_WA_ROOT_KEY must be 64 hex digits"),
        ({"WA_ROOT_KEY": "00" * 32}, "TALKABIZ_WA_ROOT_KEY needs TALKABIZ_WA_PROXY_URL and TALKABIZ_WA_CA_FILE"),
    ],
)
def test_what_can_not_be_is_refused_with_what_would_do(environment: dict[str, str], sentence: str) -> None:
    assert refusal(**{f"TALKABIZ_{name}": value for name, value in environment.items()}).startswith(sentence)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    said = refusals(TALKABIZ_PORT="x", TALKABIZ_LANGUAGE="fr", TALKABIZ_API_KEY="short")
    assert [sentence.split()[0] for sentence in said] == ["TALKABIZ_PORT", "TALKABIZ_LANGUAGE", "TALKABIZ_API_KEY"]


def test_an_address_made_of_host_and_port_can_be_opened_also_by_ipv6() -> None:
    assert Settings(host="::1").public_url(8000) == "http://[::1]:8000"
    assert Settings().public_url(8001) == "http://127.0.0.1:8001"


# --- the papers -------------------------------------------------------------------------------------------------------


def default_of(name: str) -> str:
    """As a person would write it; empty where there is none."""
    default = Settings.model_fields[name.removeprefix("TALKABIZ_").lower()].default
    return "" if default in {None, ()} else str(default)


def described() -> dict[str, str]:
    """The sections of docs/settings.md, by the setting that each is about."""
    parts = re.split(r"^### (.+)$", DOCS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_docs_name_every_setting_and_no_other() -> None:
    assert sorted(described()) == sorted(f"`{name}`" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_docs_say_of_each_setting_its_default_what_it_does_and_when_to_change_it(name: str) -> None:
    text = described()[f"`{name}`"]
    default = default_of(name)
    assert text.strip().startswith(f"Default: `{default}`." if default else "Default: none.")
    assert "Change it" in text or "Leave it" in text
    examples = re.findall(rf"^    {name}=(.+)$", text, flags=re.MULTILINE)
    assert examples or name in NO_EXAMPLE, "an example"
    needs = {"TALKABIZ_WA_CA_FILE": {name: DOCS.as_posix()}}
    for example in examples:
        assert refusals(**needs.get(name, {name: example})) == []


def test_the_docs_mention_no_setting_that_is_none() -> None:
    papers = [Path(CHECKOUT, "README.md"), EXAMPLE, *Path(CHECKOUT, "docs").rglob("*.md")]
    mentioned = {name for paper in papers for name in re.findall(r"TALKABIZ_[A-Z_]+[A-Z]", paper.read_text())}
    assert mentioned <= set(NAMES)


def test_the_example_file_has_every_setting_commented_out_with_its_default_and_a_line_about_it() -> None:
    lines = EXAMPLE.read_text().splitlines()
    found = [number for number, line in enumerate(lines) if "TALKABIZ_" in line]
    assert [lines[number] for number in found] == [f"# {name}={default_of(name)}" for name in NAMES]
    assert all(re.fullmatch(r"# [A-Z].+\.", lines[number - 1]) for number in found)
    assert all(not line or line.startswith("#") for line in lines)


def test_the_example_file_with_everything_in_it_is_what_nothing_is(place: Path) -> None:
    place.write_text(EXAMPLE.read_text().replace("# TALKABIZ_", "TALKABIZ_"))
    assert os.environ.keys().isdisjoint(NAMES)
    assert Settings() == Settings.model_construct()
