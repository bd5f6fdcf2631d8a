"""AWS IoT's way to a certificate over MQTT: a signing request, a template, a confirmation.

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
    """AWS IoT's hook says no; it tells nobody but its log why."""


@dataclass(frozen=True)
class Issued:
    """A certificate that is registered, active, and attached to its thing.

    Parameters
    ----------
    configuration
        What the template tells the device.
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
    """Have a key certified and a provisioning template applied to it.

    Raises
    ------
    NotAllowedError
        The template's hook refused.
    ProvisioningError
        AWS IoT refused for another reason, such as a template that does not exist.
    RefusedError, UnreachableError
        The broker did not let us ask, or did not answer.
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
    """Prove the kit's certificate by connecting with it, and have the earlier ones switched off.

    Returns
    -------
    list of str
        Ids of the certificates that were switched off.

    Raises
    ------
    RefusedError, UnreachableError
        The broker did not take it, or nobody answered. Confirming again does no harm.
    """
    answered_on = confirmed_topic(kit.thing_name)
    with Exchange(kit, kit.thing_name) as exchange:
        answer = exchange.ask(confirm_topic(kit.thing_name), {}, [answered_on])
    switched_off: list[str] = answer.document["switched_off"]
    return switched_off


def _answered(exchange: Exchange, topic: str, request: Mapping[str, object]) -> dict[str, Any]:
    accepted, rejected = f"{topic}/accepted", f"{topic}/rejected"
    answer = exchange.ask(topic, request, [accepted, rejected])
    if answer.topic == accepted:
        return answer.document
    code, message = answer.document.get("errorCode"), answer.document.get("errorMessage")
    told = f"{topic}: {code}: {message}"
    raise NotAllowedError(told) if code == "AccessDenied" else ProvisioningError(told)
