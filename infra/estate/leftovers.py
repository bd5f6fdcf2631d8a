"""Removes resources that Terraform does not manage and that block the destruction of the estate.

These are releases, made by `forecasting` and the state machines (endpoints, their configurations,
models and model versions), and devices, provisioned by `device` (things and their certificates).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from cryptography import x509

from contracts.errors import LakecastError
from contracts.names import WORKLOADS, Names

Say = Callable[[str], None]

DELETION_TIMEOUT = 900.0  # seconds; AWS takes minutes to delete an endpoint
DETACHMENT_TIMEOUT = 60.0  # seconds
POLL = 2.0  # seconds
_ATTACHED = ("DeleteConflictException", "InvalidRequestException")


class LeftoverError(LakecastError):
    """A resource that blocks the destruction can't be removed."""


def remove_releases(session: Any, names: Names, say: Say) -> None:
    """Deletes the environment's endpoints, endpoint configurations, models and their versions.

    The requested releases are deleted with their table. Rollouts are stopped first, because they
    would create the endpoint again.

    Raises
    ------
    LeftoverError
        An endpoint is not deleted before the timeout.
    """
    workloads = [names.of(one) for one in WORKLOADS]
    for one in workloads:
        _stop_rollouts(session.client("stepfunctions"), one, say)
    sagemaker = session.client("sagemaker")
    prefix = names.prefix
    for listing, collection, member, delete, argument in (
        ("list_endpoints", "Endpoints", "EndpointName", "delete_endpoint", "EndpointName"),
        ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName",
         "delete_endpoint_config", "EndpointConfigName"),
        ("list_models", "Models", "ModelName", "delete_model", "ModelName"),
    ):  # fmt: skip
        found = [
            item[member]
            for page in sagemaker.get_paginator(listing).paginate(NameContains=prefix)
            for item in page[collection]
            if item[member].startswith(prefix)
        ]
        for name in found:
            kind = collection[:-1].replace("Config", " configuration").lower()
            say(f"removing {kind} {name}")
            getattr(sagemaker, delete)(**{argument: name})
        if collection == "Endpoints":
            for name in found:
                _await_deletion(sagemaker, name)
    for one in workloads:
        versions = _versions(sagemaker, one.model_package_group)
        if versions:
            say(f"removing {len(versions)} version(s) of {one.model_package_group}")
        for version in versions:
            sagemaker.delete_model_package(ModelPackageName=version)


def _stop_rollouts(states: Any, names: Names, say: Say) -> None:
    machine = names.state_machine_arn(names.rollout_machine)
    try:
        running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    except ClientError as error:
        if error.response["Error"]["Code"] == "StateMachineDoesNotExist":
            return
        raise
    for execution in running["executions"]:
        say(f"stopping rollout {execution['name']}")
        states.stop_execution(
            executionArn=execution["executionArn"], cause="the environment is being destroyed"
        )


def _versions(sagemaker: Any, group: str) -> list[str]:
    """Returns the ARNs of all versions; none if there is no group."""
    try:
        pages = list(
            sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":  # SageMaker's "not found"
            return []
        raise
    return [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]


def _await_deletion(sagemaker: Any, endpoint: str) -> None:
    deadline = time.monotonic() + DELETION_TIMEOUT
    while time.monotonic() < deadline:
        try:
            status = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationException":  # SageMaker's "not found"
                return
            raise
        if status == "Failed":
            raise LeftoverError(f"endpoint {endpoint} can't be deleted; its status is {status}")
        time.sleep(POLL)
    raise LeftoverError(f"endpoint {endpoint} is not deleted after {DELETION_TIMEOUT:.0f} s")


def remove_devices(session: Any, names: Names, say: Say) -> None:
    """Deletes the things of the environment's type and all certificates with its policies.

    Certificates of rejected claims have no policy and stay pending; the template's name in their
    subject identifies them.

    The devices' connection kits are useless afterwards.
    """
    iot = session.client("iot")
    things = [
        thing["thingName"]
        for page in iot.get_paginator("list_things").paginate(thingTypeName=names.thing_type)
        for thing in page["things"]
    ]
    if things:
        say(f"removing {len(things)} device(s)")
    for thing in things:
        for principal in iot.list_thing_principals(thingName=thing)["principals"]:
            iot.detach_thing_principal(thingName=thing, principal=principal)
        _when_detached(partial(iot.delete_thing, thingName=thing), thing)
    for policy in (names.device_policy, names.renewal_policy, names.claim_policy):
        for certificate in _certificates(iot, policy):
            iot.detach_policy(policyName=policy, target=certificate)
            if not iot.list_attached_policies(target=certificate)["policies"]:
                _delete_certificate(iot, certificate.rpartition("/")[2])
    for certificate_id in _pending(iot, (names.claim_template, names.rotation_template)):
        _delete_certificate(iot, certificate_id)


def _certificates(iot: Any, policy: str) -> Iterator[str]:
    try:
        pages = list(iot.get_paginator("list_targets_for_policy").paginate(policyName=policy))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return
        raise
    for page in pages:
        yield from page["targets"]


def _delete_certificate(iot: Any, certificate_id: str) -> None:
    iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    delete = partial(iot.delete_certificate, certificateId=certificate_id, forceDelete=True)
    _when_detached(delete, certificate_id)


def _when_detached(delete: Callable[[], object], name: str) -> None:
    """Deletes a thing or a certificate; AWS takes some seconds to detach them from each other.

    https://docs.aws.amazon.com/iot/latest/apireference/API_DetachThingPrincipal.html
    """
    deadline = time.monotonic() + DETACHMENT_TIMEOUT
    while True:
        try:
            delete()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ATTACHED:
                raise
            if time.monotonic() > deadline:
                raise LeftoverError(f"{name} can't be deleted: {error}") from None
            time.sleep(POLL)
        else:
            return


def _pending(iot: Any, templates: tuple[str, ...]) -> list[str]:
    """Returns the ids of the certificates that are pending for these provisioning templates."""
    return [
        listed["certificateId"]
        for page in iot.get_paginator("list_certificates").paginate()
        for listed in page["certificates"]
        if listed["status"] == "PENDING_ACTIVATION"
        and _organization(iot, listed["certificateId"]) in templates
    ]


def _organization(iot: Any, certificate_id: str) -> str | None:
    described = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
    certificate = x509.load_pem_x509_certificate(described["certificatePem"].encode())
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    return str(names[0].value) if names else None
