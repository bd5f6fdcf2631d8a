"""What the state machine ``nightly-forecasts`` does, in Amazon States Language (JSONata).

The newest approved version of the model forecasts every series; the forecasts are written to the
lake, and what was measured and forecast lately is compared with what is usual. With the input
``{"read_arrivals": true}``, as the schedule gives it, messages that have arrived lately become
readings and series first; with ``{"only_drift": true}`` nothing is forecast.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.lake.locations import FORECASTS, NIGHTLY, RECENT
from contracts.models import naming
from contracts.models.forecast_input import QUANTILES
from contracts.models.releases import newest_approved
from contracts.models.requests import serving
from contracts.models.requests.parts import Owner
from contracts.models.requests.transform import TransformJob, transform_job
from contracts.names import Names
from infra.modules.machines import sagemaker_tasks
from infra.modules.machines.glue_tasks import series_of_arrivals
from infra.modules.machines.lock_tasks import release, take
from infra.modules.machines.sagemaker_tasks import Request
from infra.modules.machines.states_language import FAILURE, State, choice, expression, reason, task
from infra.settings import Forecasts

PART = "nightly"
"""Of the names of its jobs."""
JOBS_ROLE = "nightly-jobs"

_LOCK_HOURS = 12
_ARRIVAL_DAYS = 2
"""Of which messages become readings: more than lie between two nights."""
_TRIES = 3
_ANSWERS = json.dumps(
    {"num_samples": 100, "output_types": ["mean", "quantiles"], "quantiles": QUANTILES}
)


@dataclass(frozen=True)
class NightlyInputs:
    """Whose forecasts they are, and what they are made on.

    Parameters
    ----------
    tags
        Of the jobs.
    """

    names: Names
    forecasts: Forecasts
    tags: Mapping[str, str]


def definition(inputs: NightlyInputs) -> dict[str, Any]:
    """The machine."""
    return {
        "Comment": "Forecasts every series and looks for drift",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": {
            **_begin(inputs.names),
            **_model(inputs),
            **_forecasts(inputs),
            **_drift(inputs),
            **_end(inputs.names),
        },
    }


def _begin(names: Names) -> dict[str, State]:
    started = "$toMillis($states.context.Execution.StartTime)"

    def given(member: str) -> str:
        return expression(f"$exists($states.input.{member}) ? $states.input.{member} : false")

    return {
        "Begin": {
            "Type": "Pass",
            "Assign": {
                "run": expression(f"$fromMillis({started}, '[Y0001][M01][D01]-[H01][m01][s01]')"),
                "start": expression(f"$fromMillis({started} - {_ARRIVAL_DAYS} * 86400000)"),
                "end": expression(f"$fromMillis({started})"),
                "read_arrivals": given("read_arrivals"),
                "only_drift": given("only_drift"),
                "published": {},
                "tries": 0,
            },
            "Next": "Lock",
        },
        "Lock": take(names, names.nightly_machine, hours=_LOCK_HOURS, then="Versions", busy="Busy"),
        "Busy": {
            "Type": "Fail",
            "Error": "Busy",
            "Cause": f"another execution of {names.nightly_machine} is under way: wait for its end",
        },
    }


def _model(inputs: NightlyInputs) -> dict[str, State]:
    """The newest approved version, which the endpoint serves too, as a SageMaker model."""
    names = inputs.names
    newest = "$states.result.ModelPackageSummaryList[0]"
    reference = "$states.result.DriftCheckBaselines.ModelDataQuality.Statistics.S3Uri"
    categories = "$states.result.CustomerMetadataProperties.categories"
    return {
        "Versions": task(
            "Versions",
            "aws-sdk:sagemaker:listModelPackages",
            newest_approved(names),
            assign={
                "version": f"$exists({newest}) ? {newest}.ModelPackageVersion : 0",
                "package": f"$exists({newest}) ? {newest}.ModelPackageArn : ''",
            },
            then="Is one approved",
        ),
        "Is one approved": choice("None is approved", ("$version > 0", "Version")),
        "None is approved": _because(
            f"'no version of {names.model_package_group} is approved, so there is nothing to "
            f"forecast with: make retrain ENV={names.environment}, and approve what comes of it'"
        ),
        "Version": task(
            "Version",
            "aws-sdk:sagemaker:describeModelPackage",
            {"ModelPackageName": expression("$package")},
            assign={
                "categories": f"$exists({categories}) ? {categories} : ''",
                "reference": f"$exists({reference}) ? {reference} : ''",
            },
            then="What is asked",
        ),
        "What is asked": choice("Model", ("$only_drift", "Is there a reference")),
        "Model": {
            **task(
                "Model",
                "sagemaker:createModel",
                serving.model(
                    expression(naming.model_in_jsonata(names)),
                    serving.of_version(expression("$package")),
                    Owner.of(names, inputs.tags),
                ),
                then="Are arrivals read",
            ),
            "Retry": [],  # SageMaker has no error of its own for a name that is taken
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {
                        "step": "Model",
                        "error": expression("$states.errorOutput.Error"),
                        "cause": expression("$states.errorOutput.Cause"),
                    },
                    "Next": "Is it there",
                }
            ],
        },
        "Is it there": choice(
            FAILURE,
            ("$contains($cause, 'already exist')", "Are arrivals read"),
            (f"$tries < {_TRIES}", "Try again"),
        ),
        "Try again": {
            "Type": "Wait",
            "Seconds": expression("10 * $power(2, $tries)"),
            "Assign": {"tries": expression("$tries + 1")},
            "Next": "Model",
        },
    }


def _forecasts(inputs: NightlyInputs) -> dict[str, State]:
    names = inputs.names
    return {
        "Are arrivals read": choice("Instances", ("$read_arrivals", "Readings")),
        **series_of_arrivals(names, start="$start", end="$end", then="Instances"),
        "Instances": task(
            "Instances",
            *_processing(
                inputs,
                "instances",
                ["instances"],
                {"recent": RECENT.uri(names), "categories": expression("$categories")},
                {part: _of_run(names, part) for part in ("instances", "plan")},
            ),
            then="Forecast",
        ),
        "Forecast": task(
            "Forecast",
            "sagemaker:createTransformJob.sync",
            transform_job(
                TransformJob(
                    name=_job_name(names, "forecast"),
                    model=expression(naming.model_in_jsonata(names)),
                    source=_of_run(names, "instances"),
                    target=_of_run(names, "answers"),
                    environment={"DEEPAR_INFERENCE_CONFIG": _ANSWERS},
                ),
                Owner.of(names, inputs.tags),
                inputs.forecasts.transform_instance_type,
            ),
            then="Publish",
        ),
        "Publish": task(
            "Publish",
            *_processing(
                inputs,
                "publish",
                ["publish", "--run", expression("$run"), "--version", _VERSION],
                {part: _of_run(names, part) for part in ("plan", "answers")},
                {"forecasts": FORECASTS.uri(names)},
            ),
            assign={"published": "$parse($states.result.ExitMessage)"},
            then="Is there a reference",
        ),
    }


def _drift(inputs: NightlyInputs) -> dict[str, State]:
    names = inputs.names
    return {
        "Is there a reference": choice("No reference", ("$reference != ''", "Drift")),
        "No reference": _because(
            "'version ' & $version & ' keeps no reference of what is usual, as it was not "
            "registered by retrain, so drift cannot be told; forecasts are published all the same'"
        ),
        "Drift": task(
            "Drift",
            *_processing(
                inputs,
                "drift",
                ["drift", "--environment", names.environment, "--version", _VERSION,
                 "--lake", FORECASTS.uri(names)],
                {
                    "recent": RECENT.uri(names),
                    "categories": expression("$categories"),
                    "reference": expression("$reference"),
                },
                {"report": _of_run(names, "drift")},
            ),
            assign={"drift": "$parse($states.result.ExitMessage)"},
            then="Release",
        ),
    }  # fmt: skip


def _end(names: Names) -> dict[str, State]:
    """However it ends, the lock is released; where it failed, people are told first."""
    advice = (
        f"When it is mended: make forecast-batch ENV={names.environment}; forecasting an origin "
        "again replaces what is there. Execution: "
    )
    return {
        "Release": release(names, names.nightly_machine, then="Done"),
        "Done": {
            "Type": "Pass",
            "Output": {
                "run": expression("$run"),
                "version": expression("$version"),
                "published": expression("$published"),
                "drift": expression("$drift"),
            },
            "End": True,
        },
        FAILURE: {
            "Type": "Pass",
            "Assign": {"why": expression(reason("$cause", "$error"))},
            "Next": "Release after failure",
        },
        "Release after failure": release(
            names, names.nightly_machine, then="Tell", whatever_comes=True
        ),
        "Tell": task(
            "Tell",
            "sns:publish",
            {
                "TopicArn": names.alarm_topic_arn,
                "Subject": f"{names.nightly_machine} failed",
                "Message": expression(
                    f"'The step ' & $step & ' failed: ' & $why & '. {advice}' & "
                    "$states.context.Execution.Id"
                ),
            },
            then="Failed",
            catch={"States.ALL": "Failed"},
        ),
        "Failed": {"Type": "Fail", "Error": expression("$step"), "Cause": expression("$why")},
    }


def _processing(
    inputs: NightlyInputs,
    part: str,
    arguments: list[str],
    sources: Mapping[str, str],
    targets: Mapping[str, str],
) -> Request:
    return sagemaker_tasks.processing(
        inputs.names,
        name=_job_name(inputs.names, part),
        role=JOBS_ROLE,
        instance_type=inputs.forecasts.processing_instance_type,
        arguments=arguments,
        inputs=sources,
        outputs=targets,
        tags=inputs.tags,
    )


def _because(cause: str) -> State:
    """A failure that no error tells of."""
    return {
        "Type": "Pass",
        "Assign": {"step": "Version", "error": "Unusable", "cause": expression(cause)},
        "Next": FAILURE,
    }


_VERSION = expression("$string($version)")


def _job_name(names: Names, part: str) -> str:
    return expression(naming.step_job_in_jsonata(names.part(PART), part))


def _of_run(names: Names, part: str) -> str:
    """Where a step of a run leaves something for the next."""
    return expression(f"'{NIGHTLY.uri(names)}' & $run & '/{part}/'")
