"""Revokes certificates, which ends a device's sessions and prevents new ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contracts.names import Names
from device.errors import ProvisioningError


def revoke_thing(iot: Any, thing_name: str) -> list[str]:
    """Revoke all certificates of a thing; return their ids. Safe to repeat.

    New connections are rejected immediately; AWS ends existing sessions within a few minutes.
    https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html

    Parameters
    ----------
    iot
        boto3 client of AWS IoT.

    Raises
    ------
    ProvisioningError
        The thing does not exist.
    """
    pages = iot.get_paginator("list_thing_principals").paginate(thingName=thing_name)
    try:
        principals = [arn for page in pages for arn in page["principals"]]
    except iot.exceptions.ResourceNotFoundException as error:
        raise ProvisioningError(f"there is no thing {thing_name}") from error
    return _revoke(iot, principals)


def revoke_claims(iot: Any, names: Names) -> list[str]:
    """Revoke all claim certificates; return their ids.

    Raises
    ------
    ProvisioningError
        The environment's claim policy does not exist.
    """
    pages = iot.get_paginator("list_targets_for_policy").paginate(policyName=names.claim_policy)
    try:
        targets = [arn for page in pages for arn in page["targets"]]
    except iot.exceptions.ResourceNotFoundException as error:
        raise ProvisioningError(
            f"IoT policy {names.claim_policy} does not exist; "
            f"run `make apply ENV={names.environment}` first"
        ) from error
    return _revoke(iot, targets)


def _revoke(iot: Any, arns: Iterable[str]) -> list[str]:
    certificates = [arn.rpartition("/")[2] for arn in arns if ":cert/" in arn]
    for certificate in certificates:
        iot.update_certificate(certificateId=certificate, newStatus="REVOKED")
    return certificates
