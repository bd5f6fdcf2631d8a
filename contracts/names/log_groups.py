"""Log groups of an environment."""

from __future__ import annotations

from dataclasses import dataclass


def job_log_group(kind: str) -> str:
    """Names the log group of all SageMaker jobs of one kind, such as ``Training``, in a region."""
    return f"/aws/sagemaker/{kind}Jobs"


def endpoint_log_group(endpoint: str) -> str:
    """Names the log group of an endpoint's containers."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


@dataclass(frozen=True)
class LogGroups:
    """CloudWatch log groups of the estate by source.

    SageMaker's training jobs all write to one group per account and region, which belongs to no
    environment.

    Parameters
    ----------
    delivery
        Firehose's errors.
    jobs_output, jobs_error
        The groups that Glue names after the jobs' log prefix, security configuration and role.
    provisioning_hook
        Devices that were admitted or refused, and why.
    certificate_confirmation
        Certificates that were deactivated.
    nightly
        Events of the nightly machine's executions.
    """

    delivery: str
    jobs_output: str
    jobs_error: str
    provisioning_hook: str
    certificate_confirmation: str
    nightly: str


@dataclass(frozen=True)
class WorkloadLogGroups:
    """CloudWatch log groups of one workload by source.

    Parameters
    ----------
    function
        Log of the function behind the API.
    api_access
        One line per request to the API.
    endpoint
        Log of the endpoint's containers.
    retrain, rollout
        Events of a state machine's executions.
    """

    function: str
    api_access: str
    endpoint: str
    retrain: str
    rollout: str
