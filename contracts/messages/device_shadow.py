"""The device shadow that holds how often a station takes a reading, and the MQTT topics around it.

It is a shadow of its own name, not the thing's unnamed one: the device policy can name it alone,
and what others keep in further shadows of the thing neither reaches the agent nor is overwritten.

``desired`` holds `SAMPLING_INTERVAL`. ``reported`` holds the interval at which the device samples
and, while what is desired can't be done, `REFUSED`: what was expected, and what came.
https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
"""

from __future__ import annotations

SAMPLING_SHADOW = "sampling"

SAMPLING_INTERVAL = "sampling_interval_seconds"
"""Seconds from one reading to the next: a number, 0.25 to 86,400."""

REFUSED = "refused"


def shadow_topic(thing_name: str, stub: str) -> str:
    """MQTT topic of the sampling shadow of that thing: ``get``, ``update/documents`` and so on."""
    return f"$aws/things/{thing_name}/shadow/name/{SAMPLING_SHADOW}/{stub}"
