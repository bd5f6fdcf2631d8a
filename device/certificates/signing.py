"""Requests a certificate from AWS IoT over MQTT: signing request, template, confirmation.

https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.messages.provisioning import (
    CREATE_CERTIFICATE_TOPIC,
    confirm_topic,
    confirmed_topic,
    register_topic,
)
from contracts.messages.telemetry import THING_NAME
from device.certificates.identity import signing_request
from device.errors import AnswerError, ProvisioningError
from device.mqtt.exchange import Answer, Exchange
from device.mqtt.kit import ConnectionKit


class NotAllowedError(ProvisioningError):
    """AWS IoT's provisioning hook rejected the device; only the hook's log has the reason."""


@dataclass(frozen=True)
class Issued:
    """A certificate that is registered, active, and attached to its thing.

    Parameters
    ----------
    configuration
        Device configuration from the template.
    """

    thing_name: str
    certificate_id: str
    certificate: str = field(repr=False)
    configuration: Mapping[str, Any]


def request_certificate(
    exchange: Exchange,
    template: str,
    parameters: Mapping[str, str],
    private_key: str,
    common_name: str,
) -> Issued:
    """Request a certificate for a key and apply a provisioning template to it.

    Raises
    ------
    NotAllowedError
        The template's hook rejected the device.
    ProvisioningError
        AWS IoT rejected the request for another reason, such as a template that does not exist.
    RefusedError, UnreachableError
        The broker did not allow the request, or did not answer.
    AnswerError
        A response lacks a member, or has an invalid one.
    """
    made = _answered(
        exchange,
        CREATE_CERTIFICATE_TOPIC,
        {"certificateSigningRequest": signing_request(private_key, common_name, template)},
    )
    registered = _answered(
        exchange,
        register_topic(template),
        {
            "certificateOwnershipToken": made.text("certificateOwnershipToken"),
            "parameters": dict(parameters),
        },
    )
    configuration = registered.document.get("deviceConfiguration") or {}
    if not isinstance(configuration, dict):
        raise AnswerError(
            f"{registered.topic}: expected an object, deviceConfiguration; got "
            f"{configuration!r:.40}"
        )
    return Issued(
        registered.text("thingName", THING_NAME),
        made.text("certificateId", "[a-zA-Z0-9]{16,64}"),  # names a folder of the kit
        made.text("certificatePem"),
        configuration,
    )


def confirm(kit: ConnectionKit) -> list[str]:
    """Confirm the kit's certificate by connecting with it; AWS then deactivates the earlier ones.

    Returns
    -------
    list of str
        Ids of the deactivated certificates.

    Raises
    ------
    RefusedError, UnreachableError
        The broker did not accept the certificate, or there was no response. Safe to repeat.
    AnswerError
        The response has no list of ids.
    """
    with Exchange(kit, kit.thing_name) as exchange:
        answer = exchange.ask(confirm_topic(kit.thing_name), {}, [confirmed_topic(kit.thing_name)])
    switched_off = answer.document.get("switched_off")
    if not isinstance(switched_off, list) or not all(isinstance(one, str) for one in switched_off):
        raise AnswerError(
            f"{answer.topic}: expected switched_off, a list of ids; got {switched_off!r:.40}"
        )
    return switched_off


def _answered(exchange: Exchange, topic: str, request: Mapping[str, object]) -> Answer:
    accepted, rejected = f"{topic}/accepted", f"{topic}/rejected"
    answer = exchange.ask(topic, request, [accepted, rejected])
    if answer.topic == accepted:
        return answer
    code, message = answer.document.get("errorCode"), answer.document.get("errorMessage")
    reason = f"{topic}: {code}: {message}"
    raise NotAllowedError(reason) if code == "AccessDenied" else ProvisioningError(reason)
