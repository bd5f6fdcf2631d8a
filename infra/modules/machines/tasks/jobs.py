"""SageMaker jobs as calls that wait for the job's end.

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
    """Starts a job and waits for its end.

    Parameters
    ----------
    kind
        ``Processing``, ``Training`` or ``Transform``.
    request
        Arguments of the job's Create operation (`contracts.models.requests`).
    prefix
        Prefix of the names of these jobs.
    role
        Part of the name of the job's role; a transform job uses its model's role.
    """
    jobs = names.arn("sagemaker", f"{kind.lower()}-job/{prefix}-*")
    # Step Functions creates one rule per account and region
    rule = names.arn("events", f"rule/StepFunctionsGetEventsForSageMaker{kind}JobsRule")
    return Call(
        f"sagemaker:create{kind}Job.sync",
        request,
        (
            Statement(
                f"Run{kind}Jobs",
                ("sagemaker:AddTags", "sagemaker:ListTags",
                 *(f"sagemaker:{verb}{kind}Job" for verb in ("Create", "Describe", "Stop"))),
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
    """Describes a training job, by JSONata of its name."""
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
    """Finds the newest completed job, the first of the list.

    Without MaxResults: with it, AWS looks for completed ones among that many of any status.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListTrainingJobs.html

    Parameters
    ----------
    prefix
        JSONata of the prefix of its name.
    """
    return Call(
        f"aws-sdk:sagemaker:list{kind}Jobs",
        {
            "NameContains": expression(prefix),
            "StatusEquals": "Completed",
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
        },
        (Statement("List", (f"sagemaker:List{kind}Jobs",), ("*",)),),  # lists have no resource
    )
