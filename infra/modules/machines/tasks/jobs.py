"""SageMaker's jobs as tasks that wait for the job's end.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
"""

from __future__ import annotations

from contracts.models.requests.parts import Arguments
from contracts.names import Names
from infra.modules.core.policy import Statement
from infra.modules.machines.permissions import pass_role
from infra.modules.machines.states_language import Call, expression


def run(
    names: Names, kind: str, request: Arguments, *, prefix: str, role: str = "sagemaker"
) -> Call:
    """Start a job and wait for its end.

    Parameters
    ----------
    kind
        ``Processing``, ``Training`` or ``Transform``.
    request
        Arguments of the job's Create operation (`contracts.models.requests`).
    prefix
        How the names of such jobs start.
    role
        Part of the name of the role that the job runs with; a transform job has its model's.
    """
    jobs = names.arn("sagemaker", f"{kind.lower()}-job/{prefix}-*")
    # Step Functions' own rules, one per account and region
    rule = names.arn("events", f"rule/StepFunctionsGetEventsForSageMaker{kind}JobsRule")
    return Call(
        f"sagemaker:create{kind}Job.sync",
        request,
        (
            Statement(
                f"Run{kind}Jobs",
                ("sagemaker:AddTags", *(f"sagemaker:{verb}{kind}Job"
                                        for verb in ("Create", "Describe", "Stop"))),
                (jobs,),
            ),
            Statement(
                f"Await{kind}Jobs",
                ("events:DescribeRule", "events:PutRule", "events:PutTargets"),
                (rule,),
            ),
            *(() if kind == "Transform" else (pass_role(names, (role,)),)),
        ),
    )  # fmt: skip


def describe_training(names: Names, name: str, *, prefix: str) -> Call:
    """Describe a training job, by JSONata of its name."""
    return Call(
        "aws-sdk:sagemaker:describeTrainingJob",
        {"TrainingJobName": expression(name)},
        (
            Statement(
                "DescribeTrainingJobs",
                ("sagemaker:DescribeTrainingJob",),
                (names.arn("sagemaker", f"training-job/{prefix}-*"),),
            ),
        ),
    )


def newest_completed(kind: str, prefix: str) -> Call:
    """Find the newest job that completed.

    Parameters
    ----------
    prefix
        JSONata of how its name starts.
    """
    return Call(
        f"aws-sdk:sagemaker:list{kind}Jobs",
        {
            "NameContains": expression(prefix),
            "StatusEquals": "Completed",
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
            "MaxResults": 1,
        },
        (Statement("List", (f"sagemaker:List{kind}Jobs",), ("*",)),),  # lists have no resource
    )
