"""Finds everything that smoke tests created in an environment, and removes it.

A run removes what it created in the same way as what a killed run left: by the names. Glue's and
SageMaker's lists of ended jobs, log streams and metrics remain until AWS drops them, and so do the
raw messages: the raw bucket is an archive, and the jobs leave smoke tests' messages out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509

from contracts.lake.locations import RECENT, SMOKE_MODELS, SMOKE_TABLES
from contracts.names import BUILD_SERIES, TELEMETRY_TO_PARQUET, endpoint_log_group
from smoke.errors import HopError
from smoke.hops.devices import forget_status
from smoke.hops.hop import pause_of, until
from smoke.place import Place, device_prefix

LIMIT = 1800.0
"""Seconds for AWS to end a job or to delete an endpoint."""

DETACHMENT = 60.0
"""Seconds for AWS IoT to detach a certificate."""
_ATTACHED = ("DeleteConflictException", "InvalidRequestException")

_MISSING = {
    "EntityNotFoundException", "NoSuchBucket", "ResourceNotFound", "ResourceNotFoundException",
    "ValidationException",  # SageMaker's "not found"
}  # fmt: skip


def remove(place: Place) -> tuple[Counter[str], list[str]]:
    """Removes everything of smoke tests in the environment.

    Returns
    -------
    removed
        Number of removed resources by kind.
    failures
        Reasons why something could not be removed; one does not stop the others.
    """
    removed: Counter[str] = Counter()
    failures: list[str] = []
    for kind, work in _WORKS.items():
        try:
            for _ in work(place):
                removed[kind] += 1
        except (BotoCoreError, ClientError, HopError) as error:
            failures.append(f"{kind}: {' '.join(str(error).split())}")
    return removed, failures


def _named(place: Place, listing: str, collection: str, member: str, **more: str) -> list[str]:
    """Returns the names in a listing of SageMaker that begin as those of smoke tests."""
    prefix = place.names.smoke_prefix
    pages = place.client("sagemaker").get_paginator(listing).paginate(NameContains=prefix, **more)
    names = [str(item[member]) for page in pages for item in page[collection]]
    return [name for name in names if name.startswith(prefix)]


def _endpoints(place: Place) -> Iterator[str]:
    sagemaker = place.client("sagemaker")
    names = _named(place, "list_endpoints", "Endpoints", "EndpointName")

    def gone(name: str) -> bool | None:
        """Deletes an endpoint, as soon as its state permits it, and returns whether it is gone."""
        try:
            status = sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
            if status != "Deleting":
                sagemaker.delete_endpoint(EndpointName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            return True if "could not find" in str(error).lower() else None
        return None

    for name in names:
        until(
            lambda name=name: gone(name),  # type: ignore[misc]
            LIMIT,
            min(pause_of(place), 2.0),
            lambda name=name: HopError(f"{name} is not deleted", "SageMaker"),  # type: ignore[misc]
        )
        yield name


def _configurations(place: Place) -> Iterator[str]:
    listing = ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName")
    for name in _named(place, *listing):
        place.client("sagemaker").delete_endpoint_config(EndpointConfigName=name)
        yield name


def _models(place: Place) -> Iterator[str]:
    for name in _named(place, "list_models", "Models", "ModelName"):
        place.client("sagemaker").delete_model(ModelName=name)
        yield name


def _training_jobs(place: Place) -> Iterator[str]:
    sagemaker = place.client("sagemaker")
    listing = ("list_training_jobs", "TrainingJobSummaries", "TrainingJobName")
    for name in _named(place, *listing, StatusEquals="InProgress"):
        _unless_missing(lambda name=name: sagemaker.stop_training_job(TrainingJobName=name))  # type: ignore[misc]

        def ended(name: str = name) -> bool | None:
            found = sagemaker.describe_training_job(TrainingJobName=name)
            return True if found["TrainingJobStatus"] not in ("InProgress", "Stopping") else None

        until(ended, LIMIT, pause_of(place), lambda: HopError("still stopping", "SageMaker"))
        yield name


def _glue_runs(place: Place) -> Iterator[str]:
    glue, mark = place.client("glue"), f"{place.names.environment}-smoke"
    for job in (TELEMETRY_TO_PARQUET, BUILD_SERIES):
        name = place.names.job(job)
        for run in glue.get_job_runs(JobName=name, MaxResults=50)["JobRuns"]:
            if run.get("Arguments", {}).get("--environment") != mark or _is_over(run):
                continue
            glue.batch_stop_job_run(JobName=name, JobRunIds=[run["Id"]])

            def ended(name: str = name, id_: str = run["Id"]) -> bool | None:
                found = glue.get_job_run(JobName=name, RunId=id_)["JobRun"]
                return True if _is_over(found) else None

            until(ended, LIMIT, pause_of(place), lambda: HopError("still stopping", "Glue"))
            yield run["Id"]


def _is_over(run: dict[str, Any]) -> bool:
    return run["JobRunState"] not in ("STARTING", "RUNNING", "STOPPING", "WAITING")


def _things(place: Place) -> list[str]:
    prefix = device_prefix(place.names.environment)
    pages = (
        place.client("iot")
        .get_paginator("list_things")
        .paginate(thingTypeName=place.names.thing_type)
    )
    names = [thing["thingName"] for page in pages for thing in page["things"]]
    return [name for name in names if name.startswith(prefix)]


def _devices(place: Place) -> Iterator[str]:
    iot = place.client("iot")
    for thing in _things(place):
        for principal in iot.list_thing_principals(thingName=thing)["principals"]:
            iot.detach_thing_principal(thingName=thing, principal=principal)
            _delete_certificate(iot, principal)
        _when_detached(lambda thing=thing: iot.delete_thing(thingName=thing), thing)  # type: ignore[misc]
        forget_status(place, thing)
        yield thing


def _claims(place: Place) -> Iterator[str]:
    """Claim certificates of smoke tests, which the common name of their subject identifies."""
    iot, prefix = place.client("iot"), device_prefix(place.names.environment)
    pages = iot.get_paginator("list_targets_for_policy").paginate(
        policyName=place.names.claim_policy
    )
    for target in [target for page in pages for target in page["targets"]]:
        described = iot.describe_certificate(certificateId=target.rpartition("/")[2])
        pem = described["certificateDescription"]["certificatePem"]
        subject = x509.load_pem_x509_certificate(pem.encode()).subject
        names = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        if names and str(names[0].value).startswith(prefix):
            _delete_certificate(iot, target)
            yield target


def _delete_certificate(iot: Any, arn: str) -> None:
    for policy in iot.list_attached_policies(target=arn)["policies"]:
        iot.detach_policy(policyName=policy["policyName"], target=arn)
    certificate = arn.rpartition("/")[2]
    iot.update_certificate(certificateId=certificate, newStatus="INACTIVE")
    _when_detached(
        lambda: iot.delete_certificate(certificateId=certificate, forceDelete=True), certificate
    )


def _when_detached(delete: Callable[[], object], name: str) -> None:
    """Deletes a thing or a certificate; AWS takes some seconds to detach them from each other.

    https://docs.aws.amazon.com/iot/latest/apireference/API_DetachThingPrincipal.html
    """

    def deleted() -> bool | None:
        try:
            delete()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ATTACHED:
                raise
            return None
        return True

    until(deleted, DETACHMENT, 1.0, lambda: HopError(f"{name} is still attached", "AWS IoT"))


def _allowed(place: Place) -> Iterator[str]:
    dynamodb, table = place.client("dynamodb"), place.names.allow_list_table
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(serial_number, :prefix)",
        ExpressionAttributeValues={":prefix": {"S": device_prefix(place.names.environment)}},
    )
    for serial in [item["serial_number"] for page in pages for item in page["Items"]]:
        dynamodb.delete_item(TableName=table, Key={"serial_number": serial})
        yield serial["S"]


def _interactions(place: Place) -> Iterator[str]:
    """Rows of the API's calls; those of a killed run expire after the retention time."""
    dynamodb, table = place.client("dynamodb"), place.names.interactions_table
    for device in place.devices:
        rows = dynamodb.query(
            TableName=table,
            KeyConditionExpression="device_id = :device",
            ExpressionAttributeValues={":device": {"S": device}},
        )["Items"]
        for row in rows:
            key = {name: row[name] for name in ("device_id", "asked_at")}
            dynamodb.delete_item(TableName=table, Key=key)
            yield device


def _objects(place: Place) -> Iterator[str]:
    """Objects of smoke tests with all their versions: in the tables, the models, and `RECENT`."""
    s3 = place.client("s3")
    recent = f"{RECENT.prefix}{device_prefix(place.names.environment)}"
    for purpose, prefix in (
        (SMOKE_TABLES.purpose, SMOKE_TABLES.prefix),
        (SMOKE_MODELS.purpose, SMOKE_MODELS.prefix),
        (RECENT.purpose, recent),
    ):
        bucket = place.names.bucket(purpose)
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            found = [
                {"Key": one["Key"], "VersionId": one["VersionId"]}
                for kind in ("Versions", "DeleteMarkers")
                for one in page.get(kind, ())
            ]
            if found:
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
                for error in answer.get("Errors", ()):
                    raise HopError(f"{error['Key']}: {error.get('Message')}", bucket)
            yield from (one["Key"] for one in found)


def _log_groups(place: Place) -> Iterator[str]:
    logs, prefix = place.client("logs"), endpoint_log_group(place.names.smoke_prefix)
    for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
        logs.delete_log_group(logGroupName=group["logGroupName"])
        yield group["logGroupName"]


def _unless_missing(call: Callable[[], object]) -> None:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise


_WORKS: dict[str, Callable[[Place], Iterator[str]]] = {
    "endpoints": _endpoints,  # what costs most comes first
    "endpoint configurations": _configurations,
    "models": _models,
    "training jobs": _training_jobs,
    "Glue runs": _glue_runs,
    "devices": _devices,
    "claim certificates": _claims,
    "entries of the allow-list": _allowed,
    "records of API calls": _interactions,
    "objects": _objects,
    "log groups": _log_groups,
}
