"""The state machine of the nightly forecasts, in Amazon States Language with JSONata.

The newest approved version of the model forecasts every series. The forecasts are written to the
lake, and recent values and forecasts are checked for drift. With the input
``{"read_arrivals": true}``, which the schedule sends, recently arrived messages are first turned
into readings and series; with ``{"only_drift": true}`` the forecasts are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.lake.locations import FORECASTS, NIGHTLY, RECENT
from contracts.models import naming
from contracts.models.container_images import image_uri
from contracts.models.forecast_input import QUANTILES, configuration
from contracts.models.requests import serving
from contracts.models.requests.parts import Instances, Owner
from contracts.models.requests.processing import ProcessingJob, processing_job
from contracts.models.requests.transform import TransformJob, transform_job
from contracts.names import Names
from contracts.settings.schema import Nightly
from infra.modules.machines import endings, lock
from infra.modules.machines.states_language import (
    EXECUTION,
    FAILURE,
    Call,
    Machine,
    State,
    assignment,
    choice,
    expression,
    failure,
    machine,
    task,
    to_failure,
    wait,
)
from infra.modules.machines.tasks import endpoints, glue, jobs
from infra.modules.machines.tasks.models import (
    create_model,
    describe_version,
    newest_approved_version,
)

PART = "nightly"
"""Part of the names of its jobs."""
JOBS_ROLE = "nightly-jobs"

_LOCK_HOURS = 12
_ARRIVAL_DAYS = 2
"""Days of arrival that are processed: more than between two nights, so none is missed."""
_TRIES = 3
"""Repetitions of a rejected call that creates the model."""
_SECONDS = 3600
_VOLUME_GB = 30
_ANSWERS = json.dumps(configuration(QUANTILES), allow_nan=False)
_VERSION = expression("$string($version)")


@dataclass(frozen=True)
class NightlyInputs:
    """Environment and settings of the nightly forecasts.

    Parameters
    ----------
    tags
        Tags of jobs and models.
    """

    names: Names
    forecasts: Nightly
    tags: Mapping[str, str]


def definition(inputs: NightlyInputs) -> Machine:
    """Returns the machine."""
    states = {
        **_start(inputs.names),
        **_model(inputs),
        **_forecasts(inputs),
        **_drift(inputs),
        **_end(inputs.names),
    }
    return machine("Forecasts every series and looks for drift", "Start", states)


def _start(names: Names) -> dict[str, State]:
    started = f"$toMillis({EXECUTION}.StartTime)"

    def given(member: str) -> str:
        return expression(f"$exists($states.input.{member}) ? $states.input.{member} : false")

    assigned = {
        "run": expression(f"$fromMillis({started}, '[Y0001][M01][D01]-[H01][m01][s01]')"),
        "start": expression(f"$fromMillis({started} - {_ARRIVAL_DAYS} * 86400000)"),
        "end": expression(f"$fromMillis({started})"),
        "read_arrivals": given("read_arrivals"),
        "only_drift": given("only_drift"),
        "published": {},
        "tries": 0,
    }
    return {
        "Start": assignment("Lock", assigned),
        **lock.acquire(names, names.nightly_machine, hours=_LOCK_HOURS, then="Versions"),
    }


def _model(inputs: NightlyInputs) -> dict[str, State]:
    """Returns the states that make a SageMaker model of the newest approved version."""
    names, group = inputs.names, inputs.names.model_package_group
    newest = "$states.result.ModelPackageSummaryList[0]"
    reference = "$states.result.DriftCheckBaselines.ModelDataQuality.Statistics.S3Uri"
    categories = "$states.result.CustomerMetadataProperties.categories"
    name = naming.model_in_jsonata(names)
    model = serving.model(
        expression(name),
        serving.of_version(expression("$package")),
        Owner.of(names, inputs.tags),
    )
    return {
        "Versions": task(
            "Versions",
            newest_approved_version(group),
            assign={
                "version": f"$exists({newest}) ? {newest}.ModelPackageVersion : 0",
                "package": f"$exists({newest}) ? {newest}.ModelPackageArn : ''",
            },
            then="Is a version approved",
        ),
        "Is a version approved": choice("No approved version", ("$version > 0", "Version")),
        "No approved version": failure(
            "Version",
            f"'no version of {group} is approved, so no forecast is possible: run "
            f"`make retrain ENV={names.environment}` and approve the new version'",
        ),
        "Version": task(
            "Version",
            describe_version(names, group, "$package"),
            assign={
                "categories": f"$exists({categories}) ? {categories} : ''",
                "reference": f"$exists({reference}) ? {reference} : ''",
            },
            then="Are the categories known",
        ),
        "Are the categories known": choice(
            "Is only drift measured", ("$categories = ''", "No categories")
        ),
        "No categories": failure(
            "Version",
            "'version ' & $version & ' has no index of categories, because it was not registered "
            "by retrain, so its input cannot be made: run "
            f"`make retrain ENV={names.environment}` and approve the new version'",
        ),
        "Is only drift measured": choice("Find model", ("$only_drift", "Does a reference exist")),
        "Find model": task(
            "Find model",
            endpoints.find("Models", expression(name)),
            assign={"is_there": f"$exists($states.result.Models[ModelName = {name}])"},
            then="Does the model exist",
        ),
        "Does the model exist": choice("Create model", ("$is_there", "Is the ETL requested")),
        # a rollout may create the same model meanwhile, so a rejected call leads to another look
        "Create model": task(
            "Create model",
            create_model(names, group, model, prefix=group),
            then="Is the ETL requested",
        ).but(Retry=[], Catch=[to_failure("Create model", then="Are retries left")]),
        "Are retries left": choice(FAILURE, (f"$tries < {_TRIES}", "Wait before retry")),
        "Wait before retry": wait(
            expression("10 * $power(2, $tries)"), "Find model", tries=expression("$tries + 1")
        ),
    }


def _forecasts(inputs: NightlyInputs) -> dict[str, State]:
    names = inputs.names
    series = glue.series_of_arrivals(names, start="$start", end="$end", then="Instances")
    forecast = TransformJob(
        name=_job_name(names, "forecast"),
        model=expression(naming.model_in_jsonata(names)),
        source=_of_run(names, "instances"),
        target=_of_run(names, "answers"),
        environment={"DEEPAR_INFERENCE_CONFIG": _ANSWERS},
    )
    request = transform_job(
        forecast, Owner.of(names, inputs.tags), inputs.forecasts.transform_instance_type
    )
    return {
        "Is the ETL requested": choice("Instances", ("$read_arrivals", series.start)),
        **series.states,
        "Instances": task(
            "Instances",
            _processing(
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
            jobs.run(names, "Transform", request, prefix=names.part(PART)),
            then="Publish",
        ),
        "Publish": task(
            "Publish",
            _processing(
                inputs,
                "publish",
                ["publish", "--run", expression("$run"), "--version", _VERSION],
                {part: _of_run(names, part) for part in ("plan", "answers")},
                {"forecasts": FORECASTS.uri(names)},
            ),
            assign={"published": "$parse($states.result.ExitMessage)"},
            then="Does a reference exist",
        ),
    }


def _drift(inputs: NightlyInputs) -> dict[str, State]:
    names = inputs.names
    return {
        "Does a reference exist": choice("No reference", ("$reference != ''", "Drift")),
        "No reference": failure(
            "Version",
            "'version ' & $version & ' has no reference statistics, because it was not registered "
            "by retrain, so drift is not measured; the forecasts are published'",
        ),
        "Drift": task(
            "Drift",
            _processing(
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
            then="Unlock",
        ),
    }  # fmt: skip


def _end(names: Names) -> dict[str, State]:
    advice = (
        f"When the cause is fixed, run `make forecast-batch ENV={names.environment}`; it replaces "
        "existing forecasts of the same origin. Execution: "
    )
    result = {name: expression(f"${name}") for name in ("run", "version", "published", "drift")}
    return {
        "Unlock": lock.release(names, names.nightly_machine, then="Done"),
        "Done": assignment(None, output=result),
        **endings.failure(
            names,
            subject=f"'{names.nightly_machine} failed at ' & $step",
            message=[
                "'The step ' & $step & ' failed: ' & $why & '.'",
                "'Log: ' & $log",
                f"'{advice}' & {EXECUTION}.Id",
            ],
            error=expression("$step"),
            cause="$why",
            unlock=names.nightly_machine,
        ),
    }


def _processing(
    inputs: NightlyInputs,
    part: str,
    arguments: list[str],
    sources: Mapping[str, str],
    targets: Mapping[str, str],
) -> Call:
    names = inputs.names
    image = image_uri(names, "evaluation")
    request = processing_job(
        ProcessingJob(_job_name(names, part), image, arguments, sources, targets),
        Owner.of(names, inputs.tags, JOBS_ROLE),
        Instances(inputs.forecasts.processing_instance_type, _VOLUME_GB, _SECONDS),
    )
    return jobs.run(names, "Processing", request, prefix=names.part(PART), role=JOBS_ROLE)


def _job_name(names: Names, part: str) -> str:
    return expression(naming.step_job_in_jsonata(names.part(PART), part))


def _of_run(names: Names, part: str) -> str:
    """Returns JSONata of a folder that one step of a run writes and the next one reads."""
    return expression(f"'{NIGHTLY.uri(names)}' & $run & '/{part}/'")
