"""What a device, AWS IoT's provisioning templates and the functions behind them agree on.

A new device asks with a claim certificate and its serial number; a device that is known asks for
its next certificate with its present one. Both ways end with a confirmation: the device says over
a connection with the new certificate that it holds it, and every other one of it is switched off.
"""

from __future__ import annotations

SERIAL_NUMBER = "SerialNumber"
"""Template parameter: the device's serial number, looked up in the allow-list."""

REQUEST_TOKEN = "ClientRequestToken"  # noqa: S105 - a parameter's name
"""Template parameter: a secret that the device keeps until its kit is whole. Who asks again with
the same one is answered again, so a claim that was cut short can be finished."""

THING_NAME = "ThingName"
"""Template parameter that the hook alone sets, whatever a device sends."""

CREATE_CERTIFICATE_TOPIC = "$aws/certificates/create-from-csr/json"


def register_topic(template: str) -> str:
    """MQTT topic on which a provisioning template is applied (RegisterThing)."""
    return f"$aws/provisioning-templates/{template}/provision/json"


def confirm_topic(thing_name: str) -> str:
    """MQTT topic on which that thing, and no other, confirms the certificate it publishes with."""
    return f"certificates/{thing_name}/confirm"


def confirmed_topic(thing_name: str) -> str:
    """MQTT topic on which the confirmation is answered, once the others are switched off."""
    return f"certificates/{thing_name}/confirmed"
