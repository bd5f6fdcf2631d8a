"""Requests for SageMaker's jobs, as tasks of a state machine make them and wait for their end.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.models.container_images import image_uri
from contracts.models.requests.parts import Instances, Owner
from contracts.models.requests.processing import ProcessingJob, processing_job
from contracts.names import Names
from infra.modules.core.policy import Statement

Request = tuple[str, dict[str, Any]]
"""An integration's name, and its arguments."""

_VOLUME_GB = 30


def processing(
    names: Names,
    *,
    name: str,
    role: str,
    instance_type: str,
    arguments: Sequence[str],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    tags: Mapping[str, str],
    max_runtime_seconds: int = 3600,
) -> Request:
    """A command of the evaluation container.

    Parameters
    ----------
    role
        Part of the name of the service role that the job runs with.
    """
    job = ProcessingJob(name, image_uri(names, "evaluation"), arguments, inputs, outputs)
    owner = Owner.of(names, tags, role)
    instances = Instances(instance_type, _VOLUME_GB, max_runtime_seconds)
    return "sagemaker:createProcessingJob.sync", processing_job(job, owner, instances)


def job_statements(names: Names, part: str, kinds: Sequence[str]) -> tuple[Statement, ...]:
    """Leave to run jobs whose names begin with a part, and to learn of their end.

    Parameters
    ----------
    kinds
        Of jobs, as in ``Processing``.
    """
    sagemaker = f"arn:aws:sagemaker:{names.region}:{names.account_id}"
    rules = f"arn:aws:events:{names.region}:{names.account_id}:rule"
    jobs = [f"{sagemaker}:{kind.lower()}-job/{names.part(part)}-*" for kind in kinds]
    return (
        Statement(
            "RunJobs",
            (
                "sagemaker:AddTags",
                *(f"sagemaker:{verb}{kind}Job"
                  for kind in kinds for verb in ("Create", "Describe", "Stop")),
            ),
            tuple(jobs),
        ),
        Statement(
            "LearnOfTheirEnd",
            ("events:DescribeRule", "events:PutRule", "events:PutTargets"),
            # Step Functions' own rules, one an account and region
            tuple(f"{rules}/StepFunctionsGetEventsForSageMaker{kind}JobsRule" for kind in kinds),
        ),
    )  # fmt: skip
