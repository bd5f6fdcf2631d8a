"""Log groups of the estate by who writes into them."""

from __future__ import annotations

from contracts.names import Names


def delivery(names: Names) -> str:
    """Firehose's errors."""
    return f"/aws/kinesisfirehose/{names.delivery_stream}"


def jobs(names: Names) -> str:
    """Prefix of the Glue jobs' log groups; Glue appends ``/output`` and ``/error``."""
    return f"/aws-glue/{names.part('jobs')}"


def function(names: Names) -> str:
    """The forecast function's lines."""
    return f"/aws/lambda/{names.forecast_function}"


def provisioning_hook(names: Names) -> str:
    """Who was let be provisioned, and who was not and why."""
    return f"/aws/lambda/{names.provisioning_hook}"


def certificate_confirmation(names: Names) -> str:
    """Which certificates were switched off."""
    return f"/aws/lambda/{names.certificate_confirmation}"


def api_access(names: Names) -> str:
    """One line a request to the API."""
    return f"/aws/apigateway/{names.api}"


def endpoint(names: Names) -> str:
    """What the endpoint's containers print."""
    return f"/aws/sagemaker/Endpoints/{names.endpoint}"


def state_machine(name: str) -> str:
    """Events of a state machine's executions; the prefix keeps the log's resource policy short."""
    return f"/aws/vendedlogs/states/{name}"


def log_groups(names: Names) -> dict[str, str]:
    """Name of every log group, by a word for it.

    SageMaker's training jobs all write into one group of the account and region, which is no
    environment's to own.
    """
    return {
        "delivery": delivery(names),
        "jobs_output": f"{jobs(names)}/output",
        "jobs_error": f"{jobs(names)}/error",
        "function": function(names),
        "provisioning_hook": provisioning_hook(names),
        "certificate_confirmation": certificate_confirmation(names),
        "api_access": api_access(names),
        "endpoint": endpoint(names),
        "retrain": state_machine(names.retrain_machine),
        "nightly": state_machine(names.nightly_machine),
        "rollout": state_machine(names.rollout_machine),
    }
