"""What the state machine ``rollout`` does, in Amazon States Language.

It compares what is with what should be, does one thing about it, and looks again. It goes by what
it sees and not by the event that started it, so events may come twice, late or in any order, and
several executions don't fight: who finds the endpoint busy waits and looks again.

The query language is JSONata; what one state finds, later ones read as variables:
https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.models import naming
from contracts.models.releases import configuration_suffix, newest_approved
from contracts.names import Names
from contracts.settings.schema import Endpoint
from infra.modules.machines.states_language import expression

State = dict[str, Any]

_REFUSALS = 3
"""Refusals by SageMaker that an execution takes for passing ones."""
_HOURS = 2
"""After which an endpoint that is still busy is told of; SageMaker itself gives up earlier."""
_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


@dataclass(frozen=True)
class RolloutInputs:
    """What is rolled out, on what.

    Parameters
    ----------
    tags
        Of the models, configurations and endpoint that it makes.
    """

    names: Names
    endpoint: Endpoint
    tags: Mapping[str, str]


def definition(inputs: RolloutInputs) -> dict[str, Any]:
    """The machine, whose input is the event that started it, or ``{}``."""
    names, endpoint = inputs.names, inputs.endpoint
    model = f"('{naming.model_prefix(names)}' & $version)"
    suffix = configuration_suffix(endpoint.instance_type, endpoint.initial_instance_count)
    configuration = f"({model} & '{suffix}')"
    return {
        "Comment": "Has the endpoint serve the newest approved version of the model",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": {
            **_observation(names),
            "Decide": _decision(names, endpoint, configuration),
            **_release(inputs, model, configuration),
            **_end(names),
        },
    }


def _observation(names: Names) -> dict[str, State]:
    """The endpoint first, then the versions, so that what is rejected in between is seen."""
    detail = "$states.context.Execution.Input.detail"
    newest = "$states.result.ModelPackageSummaryList[0].ModelPackageVersion"
    reason = "$states.result.FailureReason"
    return {
        "Begin": {
            "Type": "Pass",
            "Assign": {
                "rejected": expression(
                    f"{detail}.ModelApprovalStatus = 'Rejected' ? {detail}.ModelPackageVersion : 0"
                ),
                "live": False,  # whether the endpoint serves what was rejected
                "tried": "",
                "turns": 0,
                "refusals": 0,
            },
            "Next": "Look",
        },
        "Look": _task(
            "describeEndpoint",
            {"EndpointName": names.endpoint},
            "Whose rejection",
            status=expression("$states.result.EndpointStatus"),
            serves=expression("$states.result.EndpointConfigName"),
            reason=expression(f"$exists({reason}) ? {reason} : 'no reason was given'"),
        ),
        "Whose rejection": _choice(_to("Variants"), _when("$rejected = 0 or $live", "Versions")),
        "Variants": _task(
            "describeEndpointConfig",
            {"EndpointConfigName": expression("$serves")},
            "Was it live",
            live=expression(
                f"('{naming.model_prefix(names)}' & $rejected) in "
                "$states.result.ProductionVariants.ModelName"
            ),
        ),
        "Was it live": _choice(_to("Done"), _when("$live", "Versions")),
        "Versions": _task(
            "listModelPackages",
            newest_approved(names.model_package_group),
            "Decide",
            version=expression(f"$exists({newest}) ? {newest} : 0"),
        ),
    }


def _decision(names: Names, endpoint: Endpoint, configuration: str) -> State:
    turns = _HOURS * 3600 // endpoint.poll_seconds
    state = f"' {names.endpoint} is ' & $status & ' with ' & $serves & '.'"
    return _choice(
        _to("Tell", message=expression(f"'No rollout from here: ' & $reason & '.' & {state}")),
        _when(
            f"$turns > {turns}",
            "Tell",
            message=expression(f"'Nothing has come of {_HOURS} hours of waiting.' & {state}"),
        ),
        _when(f"$status in {json.dumps(_BUSY)}", "Wait"),
        _when(
            "$version = 0 and $live and $status = 'InService'",
            "Tell",
            message=expression(
                "'Version ' & $rejected & ' was rejected while it was served, and no other version "
                f"is approved to go back to.' & {state}"
            ),
        ),
        _when("$version = 0", "Done"),
        _when(f"$status = 'InService' and $serves = {configuration}", "Done"),
        _when(
            f"$tried = {configuration}",
            "Tell",
            message=expression(
                "'Version ' & $version & ' did not come into service: ' & $reason & "
                f"' (log: /aws/sagemaker/Endpoints/{names.endpoint}).' & {state}"
            ),
        ),
        _when("$status = 'Failed'", "Remove"),  # it never served, and can't be updated
        _when("$status in ['Missing', 'InService']", "Model"),
    )


def _release(inputs: RolloutInputs, model: str, configuration: str) -> dict[str, State]:
    names, endpoint = inputs.names, inputs.endpoint
    packages = f"arn:aws:sagemaker:{names.region}:{names.account_id}:model-package"
    tags = [{"Key": key, "Value": value} for key, value in inputs.tags.items()]
    release = {"EndpointName": names.endpoint, "EndpointConfigName": expression(configuration)}
    variant = {
        "VariantName": "champion",
        "ModelName": expression(model),
        "InstanceType": endpoint.instance_type,
        "InitialInstanceCount": endpoint.initial_instance_count,
        "InitialVariantWeight": 1,
    }
    return {
        "Remove": _task("deleteEndpoint", {"EndpointName": names.endpoint}, "Wait"),
        "Model": _task(
            "createModel",
            {
                "ModelName": expression(model),
                "ExecutionRoleArn": names.role_arn("sagemaker"),
                "PrimaryContainer": {
                    "ModelPackageName": expression(
                        f"'{packages}/{names.model_package_group}/' & $version"
                    )
                },
                "Tags": tags,
            },
            "Configuration",
        ),
        "Configuration": _task(
            "createEndpointConfig",
            {
                "EndpointConfigName": expression(configuration),
                "ProductionVariants": [variant],
                "Tags": tags,
            },
            "New or not",
        ),
        "New or not": _choice(_to("Update"), _when("$status = 'Missing'", "Create")),
        "Create": _task(
            "createEndpoint", {**release, "Tags": tags}, "Wait", tried=expression(configuration)
        ),
        "Update": _task("updateEndpoint", release, "Wait", tried=expression(configuration)),
        "Wait": {
            "Type": "Wait",
            "Seconds": expression(f"{endpoint.poll_seconds} * $power(2, $refusals)"),
            "Assign": {"turns": expression("$turns + 1")},
            "Next": "Look",
        },
        "Refused": _refusal(),
    }


def _refusal() -> State:
    """What an error means: SageMaker has one code for most of them, so their words decide."""
    exists = "$contains($trouble, 'already exist')"
    missing = "$contains($trouble, 'Could not find')"
    return _choice(
        _to(
            "Tell",
            message=expression("'The step ' & $step & ' was refused: ' & $trouble"),
        ),
        _when(f"$step = 'describeEndpoint' and {missing} and $rejected = 0", "Versions",
              status="Missing", serves="nothing", reason="there is no endpoint"),
        _when(f"$step = 'describeEndpoint' and {missing}", "Done", serves="nothing"),
        _when(f"$step = 'createModel' and {exists}", "Configuration"),
        _when(f"$step = 'createEndpointConfig' and {exists}", "New or not"),
        # another execution, or somebody, was faster
        _when(f"{exists} or $contains($trouble, 'in-progress')", "Wait"),
        _when(f"$refusals < {_REFUSALS}", "Wait", refusals=expression("$refusals + 1")),
    )  # fmt: skip


def _end(names: Names) -> dict[str, State]:
    advice = (
        f" What is approved and what is live: make models ENV={names.environment}. "
        "What to do: docs/runbooks/models.md. Execution: "
    )
    return {
        "Tell": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Arguments": {
                "TopicArn": names.alarm_topic_arn,
                "Subject": f"Rollout of {names.endpoint} failed",
                "Message": expression(f"$message & '{advice}' & $states.context.Execution.Id"),
            },
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 3}],
            "Next": "Failed",
        },
        "Failed": {"Type": "Fail", "Error": "RolloutFailed", "Cause": expression("$message")},
        "Done": {
            "Type": "Pass",
            "Output": {"endpoint": names.endpoint, "configuration": expression("$serves")},
            "End": True,
        },
    }


def _task(operation: str, arguments: Mapping[str, Any], following: str, **assign: Any) -> State:
    """A call of SageMaker. Who is refused asks `_refusal`, and does not repeat the call itself."""
    failed = {"step": operation, "trouble": expression("$states.errorOutput.Cause")}
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:sagemaker:{operation}",
        "Arguments": dict(arguments),
        **({"Assign": assign} if assign else {}),
        "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": failed, "Next": "Refused"}],
        "Next": following,
    }


def _choice(otherwise: State, *rules: State) -> State:
    following = {"Default": otherwise["Next"]}
    if "Assign" in otherwise:
        following["Assign"] = otherwise["Assign"]
    return {"Type": "Choice", "Choices": list(rules), **following}


def _when(condition: str, following: str, **assign: Any) -> State:
    return {"Condition": expression(condition), **_to(following, **assign)}


def _to(following: str, **assign: Any) -> State:
    return {"Next": following, **({"Assign": assign} if assign else {})}
