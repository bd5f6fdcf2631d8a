"""Selects a connection by name; each transport is one MQTT library."""

from __future__ import annotations

from collections.abc import Callable

from device.errors import KitError
from device.mqtt.kit import ConnectionKit
from device.mqtt.link import Transport

TRANSPORTS = ("awsiot", "paho")
"""``awsiot`` is the AWS IoT Device SDK, in C. ``paho`` is pure Python, for 32-bit ARM and other
platforms without a wheel of the SDK."""


def transport(
    name: str,
    kit: ConnectionKit,
    *,
    within_quota: bool,
    on_change: Callable[[], None] = lambda: None,
) -> Transport:
    """Build the connection of a name in `TRANSPORTS`.

    Parameters
    ----------
    within_quota
        Whether to keep AWS IoT Core's quotas per connection, 100 publishes and 512 KiB per second;
        a replay to another broker may exceed them.
    on_change
        Function that the library's thread calls when the session starts or ends.

    Raises
    ------
    KitError
        Certificate, key or CA can't be used, or the SDK is not installed.
    ValueError
        There is no such transport.
    """
    # Imported only when selected: the SDK may not exist for this machine.
    if name == "awsiot":
        try:
            from device.mqtt.aws_sdk import Connection  # noqa: PLC0415
        except ImportError as error:
            raise KitError(
                f"the AWS IoT Device SDK is not installed ({error}); use --transport paho"
            ) from error
        return Connection(kit, within_quota=within_quota, on_change=on_change)
    if name == "paho":
        from device.mqtt.paho import PahoConnection  # noqa: PLC0415

        return PahoConnection(kit, within_quota=within_quota, on_change=on_change)
    raise ValueError(f"expected a transport of {', '.join(TRANSPORTS)}; got {name!r}")
