"""The state machine of the nightly forecasts and the drift check, its schedule and its role."""

from __future__ import annotations

from constructs import Construct

from contracts.lake.locations import EVALUATIONS, FORECASTS, NIGHTLY, RECENT, TRAINING_OUTPUT
from contracts.lake.runs import NAMESPACE
from contracts.names import Names, job_log_group
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement, use_of_output_key
from infra.modules.machines.machine_rule import MachineRule, MachineRuleInputs
from infra.modules.machines.nightly.definition import JOBS_ROLE, NightlyInputs, definition
from infra.modules.machines.state_machine import StateMachine, StateMachineInputs


class NightlyForecasts(Construct):
    """The state machine, the role of its jobs, and its schedule."""

    def __init__(self, scope: Construct, id_: str, inputs: NightlyInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        ServiceRole(
            self,
            "jobs",
            RoleInputs(
                name=names.role(JOBS_ROLE),
                service="sagemaker.amazonaws.com",
                description="Prepares and publishes forecasts of all series, and measures drift",
                statements=_jobs(names),
            ),
        )
        StateMachine(
            self,
            "machine",
            StateMachineInputs(
                names=names,
                name=names.nightly_machine,
                description="Forecasts every series and looks for drift",
                machine=definition(inputs),
            ),
        )
        if inputs.forecasts.schedule is None:
            return
        MachineRule(
            self,
            "schedule",
            MachineRuleInputs(
                names=names,
                name=names.nightly_machine,
                description="Starts the nightly forecasts",
                machine=names.nightly_machine,
                schedule=inputs.forecasts.schedule,
                given={"read_arrivals": True},
            ),
        )


def _jobs(names: Names) -> tuple[Statement, ...]:
    curated, models = names.bucket_arn("curated"), names.bucket_arn("models")
    return (
        Statement("ListBuckets", ("s3:GetBucketLocation", "s3:ListBucket"), (curated, models)),
        Statement(
            "Read",
            ("s3:GetObject",),
            (f"{curated}/{RECENT.prefix}*", f"{models}/{TRAINING_OUTPUT.prefix}*",
             f"{models}/{EVALUATIONS.prefix}*"),
        ),
        Statement(
            "ReadAndWrite",
            ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
            (f"{curated}/{FORECASTS.prefix}*", f"{models}/{NIGHTLY.prefix}*"),
        ),
        Statement("EcrLogin", ("ecr:GetAuthorizationToken",), ("*",)),  # the action has no resource
        Statement(
            "PullImage",
            ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            (names.arn("ecr", f"repository/{names.repository('evaluation')}"),),
        ),
        Statement(
            "WriteLogs",
            ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams",
             "logs:PutLogEvents"),
            (names.log_group_arn(f"{job_log_group('Processing')}*"),),
        ),
        Statement(
            "PublishMetrics",
            ("cloudwatch:PutMetricData",),
            ("*",),  # metrics have no ARN; the condition names the namespace
            conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
        ),
        use_of_output_key(names),
    )  # fmt: skip
