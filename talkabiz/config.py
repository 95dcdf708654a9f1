"""Settings: read once, from TALKABIZ_* and `.env`, checked, and handed down as values.

Only bootstrap and the CLI import this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SHORTEST_API_KEY = 24


class Settings(BaseSettings):
    """Each field is the setting TALKABIZ_<NAME>; its description is what `serve --help` and docs/ show."""

    model_config = SettingsConfigDict(env_prefix="TALKABIZ_", env_file=".env", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    database_url: str = Field(
        "sqlite://talkabiz.db", description="Two slashes: relative to where the server starts; three: absolute."
    )
    sessions_dir: Path = Field(Path("sessions"), description="Where linked devices are kept: keys to the accounts.")
    api_key: str | None = Field(None, repr=False, description="An admin key of your own choice, 24 characters or more.")
    base_url: str | None = Field(
        None, description="The address that people use, for links; https makes cookies secure."
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Other sites whose pages may open a socket, separated by commas."
    )
    engines: int = Field(0, ge=0, description="Child processes for the gateway. Only 0 (in this process) is built yet.")
    max_memory: int | None = Field(
        None,
        ge=0,
        description="MB; beyond it the supervisor restarts the server. Unset: 300, 2 more a session; 0: never.",
    )
    qr_request_seconds: float = Field(10, gt=0, description="How long WhatsApp may take to give the first QR.")
    pairing_seconds: float = Field(120, gt=0, le=160, description="How long one round of QR codes is shown.")
    auto_refresh_rounds: PositiveInt = Field(3, description="Rounds that begin by themselves while somebody watches.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    language: Literal["id", "en"] = Field("id", description="Language of the pages until a person chooses.")
    wa_proxy_url: str | None = Field(None, description="HTTP CONNECT proxy to a loopback WhatsApp.")
    wa_ca_file: Path | None = Field(None, description="PEM of the CA that the loopback WhatsApp shows.")
    wa_root_key: str | None = Field(None, description="Its Noise root key, 64 hex digits; only with the other two.")

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("api_key")
    @classmethod
    def _strong(cls, value: str | None) -> str | None:
        if value is not None and len(value) < SHORTEST_API_KEY:
            raise ValueError(f"API_KEY must have at least {SHORTEST_API_KEY} characters")
        return value

    @field_validator("engines")
    @classmethod
    def _built(cls, value: int) -> int:
        if value:
            raise ValueError("ENGINES above 0 is not built yet: the gateway runs inside the application; leave it at 0")
        return value

    @field_validator("wa_root_key")
    @classmethod
    def _hex(cls, value: str | None) -> str | None:
        digits = 64
        if value is not None and (len(value) != digits or any(c not in "0123456789abcdefABCDEF" for c in value)):
            raise ValueError("WA_ROOT_KEY must be 64 hex digits")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.wa_root_key and not (self.wa_proxy_url and self.wa_ca_file):
            raise ValueError("WA_ROOT_KEY needs WA_PROXY_URL and WA_CA_FILE: it must never touch the real WhatsApp")
        return self

    def public_url(self, port: int) -> str:
        """The address for links, without a slash at the end. `port` is the one really listened on."""
        return (self.base_url or f"http://{self.host}:{port}").rstrip("/")
