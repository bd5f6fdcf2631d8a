"""Connections by name: each transport is one MQTT library."""

from __future__ import annotations

from collections.abc import Callable

from device.errors import KitError
from device.mqtt.kit import ConnectionKit
from device.mqtt.link import Transport

TRANSPORTS = ("awsiot", "paho")
"""awsiot: the AWS IoT Device SDK, in C. paho: pure Python, for 32-bit ARM and wherever the SDK has
no wheel."""


def transport(
    name: str,
    kit: ConnectionKit,
    *,
    within_quota: bool,
    on_change: Callable[[], None] = lambda: None,
) -> Transport:
    """The connection of that name in `TRANSPORTS`.

    Parameters
    ----------
    within_quota
        Keep AWS IoT Core's quotas of a connection, 100 publishes and 512 KiB a second; a replay to
        a broker without such quotas may go without.
    on_change
        Called, from the library's thread, when the session begins or ends.

    Raises
    ------
    KitError
        Certificate, key or CA can't be used, or the SDK is not installed.
    ValueError
        There is no such transport.
    """
    # Imported only where chosen: the SDK may not exist for this machine.
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
