"""The checks, by name and in the order of the report."""

from __future__ import annotations

from collections.abc import Mapping

from infra.preflight.checks import (
    alarms,
    billing,
    identity,
    images,
    limits,
    quotas,
    services,
    state_bucket,
    tools,
)
from infra.preflight.findings import Check

CHECKS: Mapping[str, Check] = {
    "identity": identity.check,
    "services": services.check,
    "SageMaker quotas": quotas.sagemaker,
    "Glue quotas": quotas.glue,
    "Lambda concurrency": limits.concurrency,
    "API Gateway logging": limits.api_gateway_account,
    "state bucket": state_bucket.check,
    "cost tag": billing.check,
    "alarm recipients": alarms.check,
    "images": images.check,
    "Terraform": tools.check,
}
