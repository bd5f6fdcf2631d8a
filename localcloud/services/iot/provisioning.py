"""Adds certificate requests over MQTT and disconnection on deactivation to ministack's IoT.

ministack applies provisioning templates, invokes their hooks and enforces roles and policies. This
module adds CreateCertificateFromCsr over MQTT, with which a private key never leaves its device,
and disconnects clients whose certificate is no longer active.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.core.x509_utils import get_certificate_id, sign_certificate_request
from ministack.services import iot

from contracts.json_text import parsed
from contracts.messages.provisioning import CREATE_CERTIFICATE_TOPIC

logger = logging.getLogger("localcloud.iot")

_CREATE_FROM_CSR = "create-from-csr"
_parse_topic = iot._parse_fleet_provisioning_topic
_reply = iot._fleet_provisioning_reply
_handle_certificate = iot._handle_certificate
_policy_allows = iot._mqtt_policy_allows

Reply = tuple[str, dict[str, Any]]


def install() -> None:
    """Installs the additions in ministack."""
    iot._parse_fleet_provisioning_topic = _operation
    iot._fleet_provisioning_reply = _answer
    iot._handle_certificate = _disconnecting
    iot._mqtt_policy_allows = _allows


def _operation(topic: str) -> tuple[str, str | None] | None:
    if topic == CREATE_CERTIFICATE_TOPIC:
        return _CREATE_FROM_CSR, None
    operation: tuple[str, str | None] | None = _parse_topic(topic)
    return operation


async def _answer(  # noqa: PLR0917 - ministack's signature
    account: str,
    region: str,
    operation: str,
    template: str | None,
    payload: bytes,
    connection: dict[str, Any],
) -> Reply:
    if operation == _CREATE_FROM_CSR:
        return await _create_from_csr(account, region, payload)
    if template is not None:
        try:
            parsed(payload)
        except ValueError:  # ministack's parser would end the session at deep nesting
            return _rejected("InvalidPayload", "Message cannot be parsed")
    reply: Reply = await _reply(account, region, operation, template, payload, connection)
    return reply


async def _create_from_csr(account: str, region: str, payload: bytes) -> Reply:
    """Signs a request; the certificate can be registered by a template until its token expires.

    The members follow
    https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html. AWS does not
    document the error code for an invalid CSR.
    """
    try:
        request = parsed(payload)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        return _rejected("InvalidPayload", "Message cannot be parsed")
    csr = request.get("certificateSigningRequest")
    if not isinstance(csr, str) or not csr:
        return _rejected("InvalidCSR", "Certificate signing request cannot be empty.")
    try:
        pem = await asyncio.to_thread(lambda: sign_certificate_request(*iot._ensure_ca(), csr))
    except ValueError as error:
        return _rejected("InvalidCSR", f"CSR violates constraints: {error}")
    certificate_id, token = get_certificate_id(pem), secrets.token_urlsafe(48)
    with request_scope(account, region):
        record = iot._certificate_record(certificate_id, pem, "PENDING_ACTIVATION")
        iot._certificates[certificate_id] = record
        iot._drop_expired(iot._ownership_tokens)
        iot._ownership_tokens[token] = {
            "certificateId": certificate_id,
            "expiration": time.time() + iot._OWNERSHIP_TOKEN_SECONDS,
        }
    return "accepted", {
        "certificateOwnershipToken": token,
        "certificateId": certificate_id,
        "certificatePem": pem,
    }


def _rejected(code: str, message: str) -> Reply:
    reply: Reply = iot._fleet_rejected(code, message)
    return reply


def _disconnecting(method: str, path: str, body: bytes, query: dict[str, Any]) -> Any:
    """Serves UpdateCertificate and disconnects clients whose certificate is no longer active.

    AWS takes up to a few minutes to disconnect; the local cloud does so at once.
    https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html
    """
    answer = _handle_certificate(method, path, body, query)
    certificate_id = path.rpartition("/")[2]
    record = iot._certificates.get(certificate_id)
    if method == "PUT" and answer[0] == 200 and record and record["status"] != "ACTIVE":
        for session in list(iot._connected_clients.values()):
            if session.certificate_id == certificate_id:
                asyncio.run_coroutine_threadsafe(_disconnect(session), iot._mtls_loop)
    return answer


async def _disconnect(session: Any) -> None:
    logger.info("disconnecting %s: its certificate is not active", session._client_id)
    try:
        await session._close_unauthorized()
        await session._send({"type": "websocket.close", "code": 1000})
    except OSError as error:
        logger.info("%s had already disconnected: %s", session._client_id, error)


def _allows(  # noqa: PLR0917 - ministack's signature
    account: str,
    region: str,
    certificate_id: str,
    context: dict[str, Any],
    action: str,
    resource: str,
    provisioning_template: str | None = None,
) -> bool:
    """Denies every action to a certificate that is no longer active.

    ministack checks a certificate's status during the TLS handshake. Without this check, a client
    whose certificate is deactivated between the handshake and CONNECT would stay connected.
    """
    if provisioning_template is None:
        record = iot._certificates.get_scoped(account, region, certificate_id)
        if record is None or record["status"] != "ACTIVE":
            return False
    allowed: bool = _policy_allows(
        account, region, certificate_id, context, action, resource, provisioning_template
    )
    return allowed
