"""Sets and reads a device's sampling shadow through AWS's API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.messages.device_shadow import REFUSED, SAMPLING_INTERVAL, SAMPLING_SHADOW
from device.agent.sampling import seconds_of


@dataclass(frozen=True)
class SamplingState:
    """Content of the shadow; None is a missing field.

    Parameters
    ----------
    desired, reported
        Seconds between readings.
    refused
        Reason why the device does not use the desired interval.
    """

    desired: object = None
    reported: object = None
    refused: object = None

    def __str__(self) -> str:
        if self.refused is not None:
            return f"desired {self.desired!r}, refused: {self.refused}"
        desired = "nothing" if self.desired is None else f"{self.desired} s"
        reported = "nothing yet" if self.reported is None else f"{self.reported} s"
        return f"desired {desired}, the device reports {reported}"


def desire_interval(iot_data: Any, thing_name: str, interval: timedelta | None) -> None:
    """Set a device's desired interval; None removes it, and the device uses its own again.

    Parameters
    ----------
    iot_data
        boto3 client of AWS IoT's data plane.
    """
    seconds = seconds_of(interval) if interval else None
    payload = json.dumps({"state": {"desired": {SAMPLING_INTERVAL: seconds}}}, allow_nan=False)
    iot_data.update_thing_shadow(thingName=thing_name, shadowName=SAMPLING_SHADOW, payload=payload)


def sampling_state(iot_data: Any, thing_name: str) -> SamplingState:
    """Read a device's desired and reported interval."""
    try:
        answer = iot_data.get_thing_shadow(thingName=thing_name, shadowName=SAMPLING_SHADOW)
    except iot_data.exceptions.ResourceNotFoundException:
        return SamplingState()
    state = json.loads(answer["payload"].read())["state"]
    desired, reported = state.get("desired", {}), state.get("reported", {})
    return SamplingState(
        desired.get(SAMPLING_INTERVAL), reported.get(SAMPLING_INTERVAL), reported.get(REFUSED)
    )
