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
from device.certificates.identity import signing_request
from device.errors import ProvisioningError
from device.mqtt.exchange import Exchange
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
            "certificateOwnershipToken": made["certificateOwnershipToken"],
            "parameters": dict(parameters),
        },
    )
    return Issued(
        registered["thingName"],
        made["certificateId"],
        made["certificatePem"],
        registered.get("deviceConfiguration") or {},
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
    """
    with Exchange(kit, kit.thing_name) as exchange:
        answer = exchange.ask(confirm_topic(kit.thing_name), {}, [confirmed_topic(kit.thing_name)])
    switched_off: list[str] = answer.document["switched_off"]
    return switched_off


def _answered(exchange: Exchange, topic: str, request: Mapping[str, object]) -> dict[str, Any]:
    accepted, rejected = f"{topic}/accepted", f"{topic}/rejected"
    answer = exchange.ask(topic, request, [accepted, rejected])
    if answer.topic == accepted:
        return answer.document
    code, message = answer.document.get("errorCode"), answer.document.get("errorMessage")
    reason = f"{topic}: {code}: {message}"
    raise NotAllowedError(reason) if code == "AccessDenied" else ProvisioningError(reason)
