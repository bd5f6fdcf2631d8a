"""The device shadow that holds a station's sampling interval, and its MQTT topics.

It is a named shadow, not the thing's unnamed one: the device policy can be limited to it, and
the agent neither receives nor overwrites other shadows of the thing.

``desired`` holds `SAMPLING_INTERVAL`. ``reported`` holds the interval at which the device samples
and, while the desired one is invalid, `REFUSED`: the expected and the actual value.
https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
"""

from __future__ import annotations

SAMPLING_SHADOW = "sampling"

SAMPLING_INTERVAL = "sampling_interval_seconds"
"""Seconds from one reading to the next: a number, 0.25 to 86,400."""

REFUSED = "refused"


def shadow_topic(thing_name: str, stub: str) -> str:
    """Returns a topic of a thing's sampling shadow: ``get``, ``update/documents`` and so on."""
    return f"$aws/things/{thing_name}/shadow/name/{SAMPLING_SHADOW}/{stub}"
