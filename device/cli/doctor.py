"""Diagnoses the connection of a device to its broker, with one line per check.

The checks change nothing and start no MQTT session, because a second session of the same client
would end that of the running agent. So they cannot tell whether the broker accepts the certificate;
see the agent's log.
"""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from device.certificates.identity import has_others
from device.clock import CLOCK_FLOOR, Clock, is_set
from device.errors import OutboxBusyError, OutboxError
from device.mqtt.kit import ConnectionKit
from device.outbox.store import Outbox

TIMEOUT_SECONDS = 10.0
EXPIRES_SOON = timedelta(days=30)
LEAST_FREE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """The result of a check: its subject, whether it passed, and details."""

    subject: str
    well: bool
    detail: str


class _Ill(Exception):  # noqa: N818 - a finding, not an error
    """A failed check; the message says what is wrong and what to do."""


def examine(kit: ConnectionKit, clock: Clock) -> Iterator[Finding]:
    """Yields the result of each check as soon as it is done."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("clock", lambda: _clock(clock)),
        ("certificate", lambda: _certificate(kit, clock.now())),
        ("private key", lambda: _private_key(kit)),
        ("DNS", lambda: _dns(kit)),
        (f"port {kit.port}", lambda: _port(kit)),
        ("TLS", lambda: _tls(kit)),
        ("outbox", lambda: _outbox(kit)),
        ("disk", lambda: _disk(kit)),
    )
    for subject, check in checks:
        try:
            yield Finding(subject, True, check())
        except (_Ill, OutboxError) as ill:
            yield Finding(subject, False, str(ill))
        except (OSError, ValueError) as error:
            yield Finding(subject, False, f"{error}")


def _clock(clock: Clock) -> str:
    now = clock.now()
    if not is_set(now):
        raise _Ill(
            f"{now:%Y-%m-%d %H:%M} UTC, before {CLOCK_FLOOR:%Y}: not set; readings are held until "
            "it is. See that a time service (systemd-timesyncd, chrony) runs"
        )
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def _certificate(kit: ConnectionKit, now: datetime) -> str:
    certificate = x509.load_pem_x509_certificate(kit.certificate.read_bytes())
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        raise _Ill(f"{kit.certificate} is valid from {begins:%Y-%m-%d %H:%M} UTC on only")
    if now >= ends:
        raise _Ill(f"{kit.certificate} expired on {ends:%Y-%m-%d}; claim or provision it again")
    soon = ", soon: run `lakecast device rotate`" if ends - now < EXPIRES_SOON else ""
    unfinished = ", a rotation is unfinished: run `lakecast device rotate`"
    return f"valid until {ends:%Y-%m-%d}{soon}{unfinished if has_others(kit) else ''}"


def _private_key(kit: ConnectionKit) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(kit.certificate, kit.private_key)
    except ssl.SSLError as error:
        raise _Ill(
            f"{kit.private_key} is no key, or not the certificate's ({error.reason}); "
            "provision the device again"
        ) from error
    mode = kit.private_key.stat().st_mode & 0o777
    if mode & 0o077:
        raise _Ill(f"{kit.private_key} may be read by others ({mode:o}); say chmod 600")
    return "matches the certificate, readable to its owner only"


def _dns(kit: ConnectionKit) -> str:
    try:
        found = socket.getaddrinfo(kit.host, kit.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise _Ill(f"{kit.host} has no address ({error.strerror}); see the resolver") from error
    addresses = sorted({str(entry[4][0]) for entry in found})
    return f"{kit.host} is {', '.join(addresses)}"


def _port(kit: ConnectionKit) -> str:
    try:
        with socket.create_connection((kit.host, kit.port), TIMEOUT_SECONDS):
            return f"{kit.host}:{kit.port} is open"
    except OSError as error:
        raise _Ill(
            f"{kit.host}:{kit.port} can't be reached ({error}); see firewall and broker"
        ) from error


def _tls(kit: ConnectionKit) -> str:
    context = ssl.create_default_context(cafile=kit.ca_file)
    context.load_cert_chain(kit.certificate, kit.private_key)
    try:
        with (
            socket.create_connection((kit.host, kit.port), TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=kit.host) as secured,
        ):
            return f"{secured.version()}, the broker's certificate is trusted"
    except ssl.SSLCertVerificationError as error:
        authority = kit.ca_file or "an authority that this system trusts"
        raise _Ill(
            f"the broker's certificate is not accepted: {error.verify_message}; it must be signed "
            f"by {authority}, and the clock be right"
        ) from error
    except OSError as error:
        raise _Ill(f"no TLS session with {kit.host}:{kit.port}: {error}") from error


def _outbox(kit: ConnectionKit) -> str:
    if not kit.outbox.exists():
        return "empty: the agent has not run yet"
    try:
        with Outbox(kit.outbox, expire=False) as outbox:
            oldest = outbox.oldest()
            since = f", the oldest since {oldest:%Y-%m-%d %H:%M} UTC" if oldest else ""
            held = f", {outbox.held:,} of them not dated" if outbox.held else ""
            drops = outbox.drops
            dropped = (
                f"; dropped so far: {drops.age:,} by age, {drops.size:,} by size, "
                f"{drops.undated:,} undated"
            )
            return f"{len(outbox):,} messages wait{held}{since}{dropped if drops.total else ''}"
    except OutboxBusyError:
        return "in use by a running agent; its heartbeat tells the depth"


def _disk(kit: ConnectionKit) -> str:
    free = shutil.disk_usage(kit.folder).free
    told = f"{free / 2**20:,.0f} MB free at {kit.folder}"
    if free < LEAST_FREE_BYTES:
        raise _Ill(f"{told}; the outbox can't grow")
    return told
