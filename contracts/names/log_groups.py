"""Log groups of an environment."""

from __future__ import annotations

from dataclasses import dataclass


def job_log_group(kind: str) -> str:
    """Log group of all SageMaker jobs of a kind, such as ``Training``, in an account and region."""
    return f"/aws/sagemaker/{kind}Jobs"


def endpoint_log_group(endpoint: str) -> str:
    """Log group of an endpoint's containers."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


@dataclass(frozen=True)
class LogGroups:
    """CloudWatch log groups of the estate by who writes into them.

    SageMaker's training jobs all write into one group per account and region, which belongs to no
    environment.

    Parameters
    ----------
    delivery
        Firehose's errors.
    jobs_output, jobs_error
        Glue's names below the prefix that the jobs are given.
    function
        The forecast function's lines.
    provisioning_hook
        Devices that were admitted or refused, and why.
    certificate_confirmation
        Certificates that were switched off.
    api_access
        A line per request to the API.
    endpoint
        Lines of the endpoint's containers.
    retrain, nightly, rollout
        Events of a state machine's executions.
    """

    delivery: str
    jobs_output: str
    jobs_error: str
    function: str
    provisioning_hook: str
    certificate_confirmation: str
    api_access: str
    endpoint: str
    retrain: str
    nightly: str
    rollout: str
