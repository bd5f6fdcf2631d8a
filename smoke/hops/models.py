"""Trains a small model, and serves it on an endpoint that only the smoke test uses."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from botocore.exceptions import ClientError

from contracts.lake.locations import recent_key
from contracts.messages.telemetry import POLLUTANTS
from contracts.models.algorithms import ALGORITHMS
from contracts.models.container_images import image_uri
from contracts.models.forecast_input import (
    DEFAULT_QUANTILES,
    HORIZON,
    RecentHistory,
    configuration,
    instance,
)
from contracts.models.requests import serving
from contracts.models.requests.parts import Instances, Owner
from contracts.models.requests.training import TrainingJob, training_job
from contracts.names import endpoint_log_group, job_log_group
from smoke.errors import HopError
from smoke.hops.hop import Found, Hop, pause_of, until
from smoke.place import Place
from smoke.prices import Usage

SMALL = {
    "boosting": {"rounds": "20", "folds": "2"},
    "deepar": {"epochs": "1"},
}
"""Hyperparameters that make a training short; the others are the environment's."""
START_LIMIT = 1800.0
"""Seconds in which SageMaker provides instances and starts a container."""


def hops() -> tuple[Hop, ...]:
    """Returns the hops in their order."""
    return (
        Hop("train", "train a small model", "a completed job with a model in S3", _train),
        Hop(
            "endpoint",
            "serve it on an endpoint of its own",
            "the endpoint is in service",
            _endpoint,
        ),
        Hop(
            "forecast",
            "request a forecast from the endpoint",
            f"{HORIZON} ordered quantiles",
            _forecast,
        ),
    )


def _owner(place: Place) -> Owner:
    return Owner.of(place.names, place.tags)


def _algorithm(place: Place) -> str:
    return place.settings.forecast.training.algorithm


def _image(place: Place) -> str:
    built_in = ALGORITHMS[_algorithm(place)].built_in
    if built_in is None:
        return image_uri(place.names, _algorithm(place))
    from sagemaker.core import image_uris  # noqa: PLC0415  (1.5 s; own images do not need it)

    return str(image_uris.retrieve(built_in, place.names.region))


def _train(place: Place) -> Found:
    record, training = ALGORITHMS[_algorithm(place)], place.settings.forecast.training
    channels = f"{place.models.uri(place.names)}channels/"
    job = TrainingJob(
        name=place.model,
        algorithm=record.specification(_image(place)),
        hyperparameters={**training.hyperparameters[record.name], **SMALL[record.name]},
        channels={"train": f"{channels}train/"},
        output=place.models.uri(place.names),
    )
    limits = Instances(training.instance_type, record.volume_gb, training.max_runtime_seconds)
    sagemaker = place.client("sagemaker")
    where = f"{job_log_group('Training')} (log group), streams {place.model}/…"
    try:
        sagemaker.create_training_job(**training_job(job, _owner(place), limits))
    except ClientError as error:
        raise HopError(f"SageMaker refused the job: {_message(error)}", _refused(place)) from None

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=place.model)
        status = found["TrainingJobStatus"]
        return None if status in ("InProgress", "Stopping") else found

    def late() -> HopError:
        return HopError(f"training job {place.model} has not ended", where)

    limit = training.max_runtime_seconds + START_LIMIT
    found = until(ended, limit, min(pause_of(place), 2.0), late)
    if found["TrainingJobStatus"] != "Completed":
        reason = found.get("FailureReason", "no reason was given")
        raise HopError(f"{found['TrainingJobStatus']}: {reason}", where)
    billed = float(found.get("BillableTimeInSeconds") or found.get("TrainingTimeInSeconds") or 0)
    return Found(
        f"{_algorithm(place)} on {training.instance_type}, {billed:.0f} s billed",
        {"billed_seconds": billed},
        [Usage(f"sagemaker.{training.instance_type}", billed / 3600)],
    )


def _endpoint(place: Place) -> Found:
    sagemaker, owner = place.client("sagemaker"), _owner(place)
    settings = place.settings.forecast.endpoint
    job = sagemaker.describe_training_job(TrainingJobName=place.model)
    artefact = job["ModelArtifacts"]["S3ModelArtifacts"]
    variant = {
        "VariantName": "smoke",
        "ModelName": place.model,
        "InstanceType": settings.instance_type,
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }
    began = time.monotonic()
    where = f"{endpoint_log_group(place.model)} (log group)"
    try:
        sagemaker.create_model(
            **serving.model(place.model, serving.of_artefact(_image(place), artefact), owner)
        )
        sagemaker.create_endpoint_config(
            **serving.endpoint_configuration(place.model, [variant], owner)
        )
        sagemaker.create_endpoint(
            EndpointName=place.model, EndpointConfigName=place.model, Tags=owner.tag_list
        )
    except ClientError as error:
        raise HopError(f"SageMaker refused it: {_message(error)}", _refused(place)) from None

    def ready() -> dict[str, Any] | None:
        found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=place.model)
        return None if found["EndpointStatus"] == "Creating" else found

    def late() -> HopError:
        return HopError(f"endpoint {place.model} is still being created", where)

    found = until(ready, START_LIMIT, min(pause_of(place), 2.0), late)
    if found["EndpointStatus"] != "InService":
        reason = found.get("FailureReason", "no reason was given")
        raise HopError(f"{found['EndpointStatus']}: {reason}", where)
    seconds = time.monotonic() - began
    return Found(
        f"in service on one {settings.instance_type}",
        {},
        # it is removed at the end, which takes a few minutes more
        [Usage(f"sagemaker.{settings.instance_type}", (seconds + 300) / 3600)],
    )


def _forecast(place: Place) -> Found:
    history = recent_history(place, place.devices[0])
    pollutant = next(one for one in POLLUTANTS if one in history.cat)
    document = {
        "instances": [
            instance(history.first_hour, history.target[pollutant], history.cat[pollutant])
        ],
        "configuration": configuration(DEFAULT_QUANTILES),
    }
    where = f"{endpoint_log_group(place.model)} (log group)"
    began = time.monotonic()
    try:
        answer = place.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=place.model,
            ContentType="application/json",
            Accept="application/json",
            Body=json.dumps(document, allow_nan=False).encode(),
        )
        body = answer["Body"].read()
    except ClientError as error:
        raise HopError(_message(error), where) from None
    milliseconds = (time.monotonic() - began) * 1000
    try:
        rows = json.loads(body)["predictions"][0]["quantiles"]
        quantiles = [[float(value) for value in rows[level]] for level in DEFAULT_QUANTILES]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise HopError(
            f"no forecast: {type(error).__name__} {error}: {body[:200]!r}", where
        ) from None
    hours = [*zip(*quantiles, strict=True)]
    if len(hours) != HORIZON or not all(
        all(map(math.isfinite, hour)) and [*hour] == sorted(hour) for hour in hours
    ):
        raise HopError(f"{len(hours)} hours: {rows}", where)
    return Found(
        f"{len(hours)} hours in {milliseconds:.0f} ms", {"milliseconds": round(milliseconds, 1)}
    )


def recent_history(place: Place, device: str) -> RecentHistory:
    """Returns a device's history, as the run's series job has written it."""
    key = f"{place.tables.prefix}recent/{recent_key(device)}"
    bucket = place.names.bucket(place.tables.purpose)
    body = place.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return RecentHistory.from_json(body.decode())


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", error))


def _refused(place: Place) -> str:
    return f"`make preflight ENV={place.names.environment}`: quotas, images, roles"
