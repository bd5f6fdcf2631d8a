"""Requests a forecast of a smoke device from the forecast API."""

from __future__ import annotations

import time

from botocore.exceptions import ClientError

from contracts.lake.locations import RECENT, recent_key
from contracts.messages.telemetry import POLLUTANTS
from smoke.errors import HopError
from smoke.hops.hop import Found, Hop
from smoke.hops.models import recent_history
from smoke.place import Place
from smoke.prices import Usage


def hops() -> tuple[Hop, ...]:
    """Returns the hop."""
    return (
        Hop(
            "api",
            "request a forecast of a device from the API",
            "a forecast by the served model; 503 while no model is served",
            _api,
        ),
    )


def _api(place: Place) -> Found:
    names = place.names
    device = place.devices[0]
    history = recent_history(place, device)
    pollutant = next(one for one in POLLUTANTS if one in history.cat)
    s3 = place.client("s3")
    where = {
        "Bucket": names.bucket(RECENT.purpose),
        "Key": f"{RECENT.prefix}{recent_key(device)}",
    }
    s3.put_object(**where, Body=history.to_json().encode(), ContentType="application/json")
    began = time.monotonic()
    try:
        done = place.verb("models", "forecast", "--device", device, "--pollutant", pollutant)
    finally:  # at once, because the API lists it among the devices
        s3.delete_object(**where)
    seconds = time.monotonic() - began
    usages = [Usage("apigateway.request", 1)]
    if done.returncode == 0:
        return Found(
            "a forecast of the served model", {"status": 200, "seconds": round(seconds, 1)}, usages
        )
    said = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if "answered 503" in said and not _is_served(place):
        return Found(
            "503, because no model is served yet; API, function and history answer",
            {"status": 503, "seconds": round(seconds, 1)},
            usages,
            skipped=True,
        )
    raise HopError(said, f"{names.workload_log_groups.function} (log group)")


def _is_served(place: Place) -> bool:
    try:
        place.client("sagemaker").describe_endpoint(EndpointName=place.names.endpoint)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":  # SageMaker's "not found"
            return False
        raise
    return True
