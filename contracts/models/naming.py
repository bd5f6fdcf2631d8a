"""Names of jobs, models and endpoint configurations, in one scheme.

State machines compute some names in JSONata, and the command line computes the same names in
Python. Both versions are in this module; tests/unit/contracts/models/test_naming.py checks that
they agree. SageMaker allows 63 characters for a name, and 32 for the name of a tuning job.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from contracts.names import Names

MOST = 63
MOST_OF_TUNING_JOB = 32

RUN_LENGTH = len("20260131-120000-abcd")
"""Length of the longest execution name that is used unchanged as the name of its run."""


def training_job(names: Names, algorithm: str, now: datetime, token: str) -> str:
    """Names a training job started by hand; names of one environment and algorithm sort by time.

    Parameters
    ----------
    token
        Four characters that distinguish jobs started in the same second.
    """
    return f"{names.part(algorithm)}-{now:%Y%m%d-%H%M%S}-{token}"


def tuning_job(names: Names, now: datetime) -> str:
    """Names a tuning job; SageMaker appends a number and a suffix for each of its training jobs."""
    return names.part(f"tune-{now:%m%d%H%M%S}")


def execution(now: datetime, token: str) -> str:
    """Names an execution started by hand, short enough to be the name of its run."""
    return f"{now:%Y%m%d-%H%M%S}-{token}"


def run(execution_name: str, started: datetime) -> str:
    """Names the run of an execution; EventBridge's execution names are too long for jobs."""
    if len(execution_name) <= RUN_LENGTH:
        return execution_name
    digest = hashlib.sha256(execution_name.encode()).hexdigest()
    return f"{started.astimezone(UTC):%Y%m%d-%H%M%S}-{digest[:4]}"


def run_in_jsonata(context: str = "$states.context.Execution") -> str:
    """Returns JSONata that computes `run`, for use in the execution itself."""
    started = f"$toMillis({context}.StartTime)"
    short = (
        f"$fromMillis({started}, '[Y0001][M01][D01]-[H01][m01][s01]') & '-' & "
        f"{attempt_in_jsonata(context)}"
    )
    return f"$length({context}.Name) <= {RUN_LENGTH} ? {context}.Name : {short}"


def attempt_in_jsonata(context: str = "$states.context.Execution") -> str:
    """Returns JSONata of four characters that distinguish the executions of one run."""
    return f"$substring($hash({context}.Name, 'SHA-256'), 0, 4)"


def step_prefix_in_jsonata(prefix: str, step: str) -> str:
    """Returns JSONata of the prefix of a run's job names for one step; reads ``$run``."""
    return f"'{prefix}-' & $run & '-{step}-'"


def step_job_in_jsonata(prefix: str, step: str, attempt: str = "") -> str:
    """Returns JSONata of the name of a run's job for one step.

    SageMaker never frees the name of a job, so a repeated call needs another name.

    Parameters
    ----------
    attempt
        JSONata that differs between executions, if another execution may resume the run.
    """
    parts = (step_prefix_in_jsonata(prefix, step), attempt, "$states.context.State.RetryCount")
    return " & ".join(part for part in parts if part)


def step_model_in_jsonata(prefix: str, step: str) -> str:
    """Returns JSONata of the name of a temporary model for one step of a run."""
    return f"{step_prefix_in_jsonata(prefix, step)} & $attempt"


def model_prefix(names: Names) -> str:
    """Returns the prefix of the names of all versions' models."""
    return f"{names.model_package_group}-v"


def model(names: Names, version: int) -> str:
    """Names the SageMaker model of a version, such as ``lakecast-prod-forecast-v12``.

    The model of a training job that is not a version has the job's name.
    """
    return f"{model_prefix(names)}{version}"


def model_in_jsonata(names: Names, version: str = "$version") -> str:
    """Returns JSONata that computes `model`."""
    return f"'{model_prefix(names)}' & {version}"


def version_of(names: Names, model_name: str) -> int | None:
    """Returns the version of a SageMaker model; None if the model is a training job's."""
    found = re.fullmatch(rf"{re.escape(model_prefix(names))}(\d+)", model_name)
    return int(found[1]) if found else None


def configuration(
    endpoint: str,
    variants: Sequence[tuple[str, str, float]],
    instance_type: str,
    instances: int,
) -> str:
    """Names an endpoint configuration by its content: the same content has the same name.

    If the first variant serves a version, the name contains its number:
    ``lakecast-prod-forecast-v12-3f6c0a9be2144d1e``.

    Parameters
    ----------
    variants
        Name, SageMaker model and weight of each variant, in order.
    """
    first = variants[0][1] if variants else ""
    label = f"{first.removeprefix(f'{endpoint}-')}-" if first.startswith(f"{endpoint}-v") else ""
    shares = ",".join(f"{name}={model_}:{_number(weight)}" for name, model_, weight in variants)
    content = f"{shares};{instances} x {instance_type}"
    return f"{endpoint}-{label}{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def configuration_in_jsonata(
    endpoint: str, variants: str, instance_type: str, instances: int
) -> str:
    """Returns JSONata that computes `configuration`.

    Parameters
    ----------
    variants
        JSONata of an array of objects with ``name``, ``model`` and ``weight``.
    """
    share = "function($v) {$v.name & '=' & $v.model & ':' & $string($v.weight)}"
    content = f"$join($map({variants}, {share}), ',') & ';{instances} x {instance_type}'"
    label = (
        f"($substring({variants}[0].model, 0, {len(endpoint) + 2}) = '{endpoint}-v' "
        f"? $substringAfter({variants}[0].model, '{endpoint}-') & '-' : '')"
    )
    return f"'{endpoint}-' & {label} & $substring($hash({content}, 'SHA-256'), 0, 16)"


def _number(weight: float) -> str:
    """Formats a weight as JSONata's ``$string`` does."""
    return str(int(weight)) if float(weight).is_integer() else repr(float(weight))
