"""Whether WhatsApp can be reached, step by step, and by its clock whether ours is right."""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

from talkabiz.doctor.deadline import within
from talkabiz.doctor.findings import Check, fail, ok, warn
from talkabiz.doctor.way import ProxyRefused, Way
from talkabiz.whatsapp.route import WHATSAPP

T = TypeVar("T")

DNS, TCP, TLS, CLOCK = "whatsapp-dns", "whatsapp-tcp", "whatsapp-tls", "clock"
STEP_SECONDS = 4.0
MOST_ADDRESSES = 4
WARN_SECONDS, FAIL_SECONDS = 60, 300

_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL
_SET_CLOCK = "Set it: timedatectl set-ntp true"


class _End(Exception):
    """The way ends here: with these checks, the last ones that something is known of."""

    def __init__(self, *checks: Check) -> None:
        super().__init__(checks[0].found)
        self.checks = checks


def check_network(proxy_url: str | None, ca_file: Path | None) -> list[Check]:
    """DNS, TCP, TLS and the clock, in this order; after the first that fails the others aren't tried."""
    way = Way.choose(proxy_url, ca_file, os.environ)
    done: list[Check] = []
    try:
        addresses = _look_up(way, done)
        with _connect(way, addresses, done) as connection:
            offset = _secure(way, connection, done)
        done.append(_judge_clock(offset))
    except _End as end:
        done += end.checks
    return done + [_not_tried(name, done[-1].name) for name in (DNS, TCP, TLS, CLOCK)[len(done) :]]


def _take(step: Callable[[], T], explain: Callable[[Exception], tuple[Check, ...]]) -> T:
    """One step, for STEP_SECONDS at most. What `explain` makes of its error is the end."""
    try:
        return within(STEP_SECONDS, step)
    except (OSError, UnicodeError) as error:  # a TimeoutError and those of TLS are OSErrors
        raise _End(*explain(error)) from error


def _not_tried(name: str, before: str) -> Check:
    found = "couldn't be compared: WhatsApp wasn't reached" if name == CLOCK else "not tried"
    return warn(name, found, f"First: {before}.")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {STEP_SECONDS:g} s"
    if isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError | ssl.SSLEOFError):
        return "the connection was cut"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


# --- DNS --------------------------------------------------------------------------------------------------------------


def _look_up(way: Way, done: list[Check]) -> list[str]:
    host, port = way.first

    def explain(error: Exception) -> tuple[Check, ...]:
        return (fail(DNS, f"{host} can't be looked up: {_why(error)}", "Check the name servers: /etc/resolv.conf"),)

    found = _take(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), explain)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))[:MOST_ADDRESSES]
    if way.proxy is None and all(_leads_here(address) for address in addresses):
        advice = "A name server or /etc/hosts blocks it: use another."
        raise _End(fail(DNS, f"{host} is {', '.join(addresses)}, which leads nowhere", advice))
    done.append(ok(DNS, f"{'the proxy ' if way.proxy else ''}{host} is {', '.join(addresses)}"))
    return addresses


def _leads_here(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return ip.is_loopback or ip.is_unspecified


# --- TCP --------------------------------------------------------------------------------------------------------------


def _connect(way: Way, addresses: list[str], done: list[Check]) -> socket.socket:
    host, port = way.first
    what = "the proxy " if way.proxy else ""

    def explain(error: Exception) -> tuple[Check, ...]:
        advice = "Start the proxy, or correct its address." if way.proxy else "Let the firewall pass port 443 outwards."
        return (fail(TCP, f"no connection to {what}{host}:{port}: {_why(error)}", advice),)

    began = time.monotonic()
    connection = _take(lambda: _first_that_answers(addresses, port), explain)
    done.append(ok(TCP, f"connected to {what}{host}:{port} in {(time.monotonic() - began) * 1000:.0f} ms"))
    connection.settimeout(STEP_SECONDS)
    return connection


def _first_that_answers(addresses: list[str], port: int) -> socket.socket:
    """Each gets its part of the time: one of the two kinds of addresses may lead nowhere."""
    refusal = OSError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=STEP_SECONDS * 0.95 / len(addresses))
        except OSError as error:
            refusal = error
    raise refusal


# --- TLS --------------------------------------------------------------------------------------------------------------


def _secure(way: Way, connection: socket.socket, done: list[Check]) -> float | None:
    """By how many seconds our clock is ahead of WhatsApp's; None: it told no time."""
    if not way.is_seen_through:
        raise _End(warn(TLS, "can't be looked at through this kind of proxy", "Only an http:// proxy could be."))

    def explain(error: Exception) -> tuple[Check, ...]:
        return _explain_tls(way, error)

    version, offset = _take(lambda: _shake_hands(way, connection), explain)
    done.append(ok(TLS, f"{version} with {WHATSAPP[0]}, whose certificate is trusted"))
    return offset


def _shake_hands(way: Way, connection: socket.socket) -> tuple[str, float | None]:
    with way.enter(connection) as secured:
        return secured.version() or "TLS", _ask_time(secured)


def _explain_tls(way: Way, error: Exception) -> tuple[Check, ...]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(way, error)
    if isinstance(error, ProxyRefused):
        return (fail(TLS, f"the proxy lets nobody through: {error}", "Let it pass *.whatsapp.net and *.whatsapp.com."),)
    if isinstance(error, FileNotFoundError | PermissionError) or "NO_CERTIFICATE" in str(error):
        return (fail(TLS, f"{way.ca_file} holds no certificates that can be read", "Correct TALKABIZ_WA_CA_FILE."),)
    advice = "Something on the way cuts it off: a firewall or proxy that blocks WhatsApp by name."
    return (fail(TLS, f"no TLS with {WHATSAPP[0]}: {_why(error)}", advice),)


def _explain_certificate(way: Way, error: ssl.SSLCertVerificationError) -> tuple[Check, ...]:
    found = f"the certificate of {WHATSAPP[0]} isn't trusted: {error.verify_message}"
    if error.verify_code in {_NOT_YET_VALID, _EXPIRED}:
        here = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        at_this_time = fail(CLOCK, f"at {here}, as it is here, WhatsApp's certificate isn't valid", _SET_CLOCK)
        return fail(TLS, found, f"First: {CLOCK}."), at_this_time
    if way.ca_file:
        return (fail(TLS, found, "TALKABIZ_WA_CA_FILE must be the CA of the loopback WhatsApp that runs now."),)
    advice = "Install ca-certificates; or something on the way reads along: let it leave WhatsApp alone."
    return (fail(TLS, found, advice),)


# --- the clock --------------------------------------------------------------------------------------------------------


def _ask_time(secured: ssl.SSLSocket) -> float | None:
    asked = http.client.HTTPSConnection(WHATSAPP[0])
    asked.sock = secured
    try:
        asked.request("HEAD", "/")
        told = asked.getresponse().getheader("Date")
        return time.time() - parsedate_to_datetime(told).timestamp() if told else None
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _judge_clock(offset: float | None) -> Check:
    if offset is None:
        return ok(CLOCK, "WhatsApp told no time; by its certificate ours can be right")
    seconds = round(abs(offset))
    found = f"{seconds} s {'ahead of' if offset > 0 else 'behind'} WhatsApp's"
    if seconds > FAIL_SECONDS:
        return fail(CLOCK, found, _SET_CLOCK)
    return warn(CLOCK, found, _SET_CLOCK) if seconds > WARN_SECONDS else ok(CLOCK, found)
