"""Settings: read once, from TALKABIZ_* and `.env`, checked, and handed down as values.

Only bootstrap and the CLI import this module.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from talkabiz import setting_names, setting_values as values
from talkabiz.domain.quota import Quota

ENV_FILE = ".env"

Limit = Annotated[Quota | None, NoDecode, BeforeValidator(values.read_limit)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.read_origins)]
Networks = Annotated[tuple[values.Network, ...], NoDecode, BeforeValidator(values.read_networks)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.read_hosts)]


class Settings(BaseSettings):
    """Each field is the setting TALKABIZ_<NAME>; its description is what `serve --help` and docs/ show.

    Empty is the same as not given. Making one raises pydantic's ValidationError, whose messages are sentences for a
    person and hold no value: `sentences` lists them.
    """

    model_config = SettingsConfigDict(
        env_prefix=setting_names.PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # where it listens and who comes
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    base_url: Annotated[str, AfterValidator(values.read_origin)] | None = Field(
        None, description="The address that people use, for links; https makes cookies secure. Unset: host and port."
    )
    trusted_proxies: Networks = Field(
        (), description="Addresses and networks of proxies in front, whose X-Forwarded-For is believed."
    )
    allowed_origins: Origins = Field((), description="Other sites whose pages may open a socket, separated by commas.")
    language: Literal["id", "en"] = Field("id", description="Language of the pages until a person chooses.")

    # what it keeps
    database_url: str = Field(
        "sqlite://talkabiz.db", description="Two slashes: relative to where the server starts; three: absolute."
    )
    sessions_dir: Path = Field(Path("sessions"), description="Where linked devices are kept: keys to the accounts.")
    media_dir: Path = Field(Path("media"), description="Where files of messages are kept.")
    media_days: int = Field(30, ge=0, le=3650, description="How many days files of messages are kept; 0: always.")
    message_days: int = Field(0, ge=0, le=3650, description="How many days messages are kept; 0: always.")
    journal_days: int = Field(30, ge=0, le=3650, description="How many days the journal goes back; 0: always.")
    webhook_days: int = Field(
        30, ge=0, le=3650, description="How many days deliveries that ended, and all tries, are kept; 0: always."
    )
    secret_key: Annotated[str, AfterValidator(values.check_secret_key)] | None = Field(
        None, repr=False, description="Seals webhook secrets: 32 bytes, hex or base64. Unset: a file in SESSIONS_DIR."
    )

    # who may
    api_key: Annotated[str, AfterValidator(values.check_api_key)] | None = Field(
        None, repr=False, description="An admin key of your own choice, 24 characters or more."
    )
    start_limit: Limit = Field(
        Quota(10, 3600), description="New linking attempts from one address: a count and a time, or off."
    )
    login_limit: Limit = Field(
        Quota(10, 900),
        description="Tries to log in from one address, ten times as many for one name: a count and a time, or off.",
    )
    request_limit: Limit = Field(
        Quota(600, 60), description="Requests with one credential: a count and a time, or off."
    )
    webhook_allow_hosts: Hosts = Field(
        (), description="Receivers of webhooks in your own network, separated by commas."
    )

    # linking
    qr_request_seconds: float = Field(10, gt=0, le=600, description="How long WhatsApp may take to give the first QR.")
    pairing_seconds: float = Field(120, gt=0, le=160, description="How long one round of QR codes is shown.")
    auto_refresh_rounds: PositiveInt = Field(3, description="Rounds that begin by themselves while somebody watches.")

    # how it runs
    engines: int = Field(0, ge=0, description="Child processes for the gateway. Only 0 (in this process) is built yet.")
    redis_url: str | None = Field(None, repr=False, description="For several processes. Not built yet: leave it unset.")
    max_memory: int | None = Field(
        None,
        ge=0,
        description="MB; beyond it the supervisor restarts the server. Unset: 300, 2 more a session; 0: never.",
    )
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")

    # a loopback WhatsApp in place of the real one
    wa_proxy_url: Annotated[str, AfterValidator(values.check_proxy)] | None = Field(
        None, description="HTTP CONNECT proxy to a loopback WhatsApp."
    )
    wa_ca_file: Annotated[Path, AfterValidator(values.check_file)] | None = Field(
        None, description="PEM of the CA that the loopback WhatsApp shows."
    )
    wa_root_key: Annotated[str, AfterValidator(values.check_root_key)] | None = Field(
        None, repr=False, description="Its Noise root key, 64 hex digits; only with the other two."
    )

    def __init__(self, **given: Any) -> None:
        """`given` counts before the environment, and that before `.env`."""
        known = type(self).model_fields
        if faults := setting_names.find_faults(known, os.environ, Path(ENV_FILE)):
            raise _refusal([((), fault) for fault in faults])
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise _refusal([(wrong["loc"][:1], _put(wrong)) for wrong in error.errors()]) from None

    @model_validator(mode="after")
    def _fit(self) -> Settings:
        if self.engines:
            raise ValueError(
                "TALKABIZ_ENGINES above 0 is not built yet: the gateway runs inside the application; leave it at 0."
            )
        if self.redis_url:
            raise ValueError("TALKABIZ_REDIS_URL is not built yet: one process does everything; leave it unset.")
        if self.wa_root_key and not (self.wa_proxy_url and self.wa_ca_file):
            raise ValueError(
                "TALKABIZ_WA_ROOT_KEY needs TALKABIZ_WA_PROXY_URL and TALKABIZ_WA_CA_FILE: it must never touch the "
                "real WhatsApp."
            )
        return self

    @property
    def secrets(self) -> list[str]:
        """What no log may show and, being of the operator's own making, has no shape by which it would be known."""
        return [secret for secret in (self.api_key, self.secret_key) if secret]

    def public_url(self, port: int) -> str:
        """The address for links, without a slash at the end. `port` is the one really listened on."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{port}"


def read_or_exit() -> Settings:
    """For a server that isn't ours, and would print a traceback: SystemExit says what is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise SystemExit("\n".join(sentences(error))) from None


def sentences(error: ValidationError) -> list[str]:
    """What is wrong with the settings, for a person: `TALKABIZ_PORT must be a whole number.`"""
    found = []
    for wrong in error.errors(include_url=False, include_input=False):
        said = wrong["msg"].removeprefix("Value error, ")
        found.append(f"{setting_names.PREFIX}{str(wrong['loc'][0]).upper()} {said}" if wrong["loc"] else said)
    return found


_PLAIN = {"int_parsing": "must be a whole number", "float_parsing": "must be a number"}


def _put(wrong: Any) -> str:
    """What pydantic found, as the rest of a sentence that begins with the setting's name."""
    said: str = wrong["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return _PLAIN.get(wrong["type"], said).rstrip(".") + "."


def _refusal(faults: list[tuple[tuple[int | str, ...], str]]) -> ValidationError:
    """No value goes with it: it could be a key, and stand in a log."""
    return ValidationError.from_exception_data(
        Settings.__name__,
        [{"type": "value_error", "loc": loc, "input": None, "ctx": {"error": ValueError(why)}} for loc, why in faults],
        hide_input=True,
    )
