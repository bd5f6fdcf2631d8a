"""Service quotas of instances and Glue workers, against what the settings use.

A new account has a quota of 0 for most instance types, so a job fails only when it starts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from botocore.exceptions import ClientError

from contracts.settings.schema import Settings
from infra.preflight.account import Account
from infra.preflight.findings import ATTENTION, FAILS, OK, Finding

USAGES = {
    "training": "training job usage",
    "processing": "processing job usage",
    "transform": "transform job usage",
    "endpoint": "endpoint usage",
}
"""End of a quota's name, after the instance type and ``for``."""

DPUS = {"G.025X": 0.25, "G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8}
"""DPUs of a worker. https://docs.aws.amazon.com/glue/latest/dg/add-job.html"""

GLUE_DPUS = "Max task DPUs per account"
GLUE_RUNS = "Max concurrent job runs per account"


def instances(settings: Settings) -> Counter[str]:
    """Returns how many instances the estate uses at once, by the name of their quota.

    A rollout starts a new fleet beside the one in service, so an endpoint needs twice as many:
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
    """
    forecast = settings.forecast
    needed: Counter[str] = Counter()

    def need(type_: str, usage: str, count: int) -> None:
        name = f"{type_} for {USAGES[usage]}"
        needed[name] = max(needed[name], count)

    need(forecast.training.instance_type, "training", 1)
    need(forecast.retraining.instance_type, "processing", 1)
    need(forecast.retraining.instance_type, "transform", 1)
    need(forecast.nightly.processing_instance_type, "processing", 1)
    need(forecast.nightly.transform_instance_type, "transform", 1)
    endpoint = forecast.endpoint
    need(endpoint.instance_type, "endpoint", 2 * endpoint.initial_instance_count)
    return needed


def glue_needs(settings: Settings) -> dict[str, float]:
    """Returns the DPUs and runs of the jobs if all run at once, by the name of their quota."""
    glue = settings.glue
    runs = glue.concurrent_runs + 2  # windows of arrivals, and one run of each other job
    return {GLUE_DPUS: runs * glue.workers * DPUS[glue.worker_type], GLUE_RUNS: float(runs)}


def sagemaker(account: Account) -> Iterator[Finding]:
    """Checks the quota of each instance type and usage."""
    quotas = _quotas(account, "sagemaker")
    for name, needed in sorted(instances(account.settings).items()):
        yield _finding(name, needed, quotas.get(name), account, "sagemaker")


def glue(account: Account) -> Iterator[Finding]:
    """Checks the quotas of Glue's DPUs and runs."""
    quotas = {name.casefold(): value for name, value in _quotas(account, "glue").items()}
    for name, needed in glue_needs(account.settings).items():
        yield _finding(name, needed, quotas.get(name.casefold()), account, "glue")


def _finding(
    name: str, needed: float, quota: float | None, account: Account, service: str
) -> Finding:
    expected = f"at least {needed:g}"
    console = f"request it in Service Quotas ({service}, {account.names.region})"
    if quota is None:
        return Finding(name, ATTENTION, expected, "no quota of this name", f"look at {console}")
    if quota < needed:
        return Finding(name, FAILS, expected, f"{quota:g}", f"{console}; it takes days")
    return Finding(name, OK, expected, f"{quota:g}, of which {needed:g} are used at most")


def _quotas(account: Account, service: str) -> dict[str, float]:
    """Returns the quotas of a service by name: applied values, and defaults for the others."""
    client = account.client("service-quotas")
    found: dict[str, float] = {}
    for listing in ("list_aws_default_service_quotas", "list_service_quotas"):
        try:
            for page in client.get_paginator(listing).paginate(ServiceCode=service):
                found |= {one["QuotaName"]: float(one["Value"]) for one in page["Quotas"]}
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchResourceException":
                raise
    return found
