"""Provisioning topics and parameters: devices, AWS IoT's templates and their functions use them.

A new device requests a certificate with a claim certificate and its serial number; a known device
requests its next certificate with its current one. In both cases the device then confirms the new
certificate over a connection that uses it, and all its other certificates are deactivated.
"""

from __future__ import annotations

SERIAL_NUMBER = "SerialNumber"
"""Template parameter: the device's serial number, looked up in the allow-list."""

REQUEST_TOKEN = "ClientRequestToken"  # noqa: S105 - a parameter's name
"""Template parameter: a secret that the device keeps until its kit is complete. A repeated request
with the same token is answered again, so an interrupted claim can be completed."""

THING_NAME = "ThingName"
"""Template parameter that only the hook sets; a value from a device is ignored."""

CREATE_CERTIFICATE_TOPIC = "$aws/certificates/create-from-csr/json"


def register_topic(template: str) -> str:
    """Returns the MQTT topic that applies a provisioning template (RegisterThing)."""
    return f"$aws/provisioning-templates/{template}/provision/json"


def confirm_topic(thing_name: str) -> str:
    """Returns the MQTT topic on which only that thing confirms its connection's certificate."""
    return f"certificates/{thing_name}/confirm"


def confirmed_topic(thing_name: str) -> str:
    """Returns the MQTT topic of the answer, sent once the other certificates are deactivated."""
    return f"certificates/{thing_name}/confirmed"
