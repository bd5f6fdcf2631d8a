"""Names of jobs, models and endpoint configurations, in one scheme.

A state machine computes some names in JSONata and a verb computes the same names in Python. Both
writings stand here beside each other; tests/unit/contracts/models/test_naming.py holds them
together. SageMaker takes 63 characters for a name, and 32 for that of a tuning job.
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
"""Characters of the longest execution name that is taken for a run's name as it is."""


def training_job(names: Names, algorithm: str, now: datetime, token: str) -> str:
    """Training job started by hand; jobs of one environment and algorithm sort by time.

    Parameters
    ----------
    token
        Four characters that tell jobs of the same second apart.
    """
    return f"{names.part(algorithm)}-{now:%Y%m%d-%H%M%S}-{token}"


def tuning_job(names: Names, now: datetime) -> str:
    """Tuning job; SageMaker appends a number and more to it for each of its training jobs."""
    return names.part(f"tune-{now:%m%d%H%M%S}")


def execution(now: datetime, token: str) -> str:
    """Execution started by hand, short enough to be the name of its run."""
    return f"{now:%Y%m%d-%H%M%S}-{token}"


def run(execution_name: str, started: datetime) -> str:
    """Run of an execution; names that EventBridge gives are too long for the names of jobs."""
    if len(execution_name) <= RUN_LENGTH:
        return execution_name
    digest = hashlib.sha256(execution_name.encode()).hexdigest()
    return f"{started.astimezone(UTC):%Y%m%d-%H%M%S}-{digest[:4]}"


def run_in_jsonata(context: str = "$states.context.Execution") -> str:
    """JSONata of `run`, for the execution itself."""
    started = f"$toMillis({context}.StartTime)"
    short = (
        f"$fromMillis({started}, '[Y0001][M01][D01]-[H01][m01][s01]') & '-' & "
        f"{attempt_in_jsonata(context)}"
    )
    return f"$length({context}.Name) <= {RUN_LENGTH} ? {context}.Name : {short}"


def attempt_in_jsonata(context: str = "$states.context.Execution") -> str:
    """JSONata of four characters that tell the executions of one run apart."""
    return f"$substring($hash({context}.Name, 'SHA-256'), 0, 4)"


def step_prefix_in_jsonata(prefix: str, step: str) -> str:
    """JSONata of how the names of a run's jobs for one step start; reads ``$run``."""
    return f"'{prefix}-' & $run & '-{step}-'"


def step_job_in_jsonata(prefix: str, step: str, attempt: str = "") -> str:
    """JSONata of the name of a run's job for one step.

    A name that is taken stays taken, so a call that is made again needs another one.

    Parameters
    ----------
    attempt
        JSONata that differs between executions, where a run may be resumed by another one.
    """
    parts = (step_prefix_in_jsonata(prefix, step), attempt, "$states.context.State.RetryCount")
    return " & ".join(part for part in parts if part)


def step_model_in_jsonata(prefix: str, step: str) -> str:
    """JSONata of the name of a model that a run makes for one step and removes again."""
    return f"{step_prefix_in_jsonata(prefix, step)} & $attempt"


def model_prefix(names: Names) -> str:
    """What the names of all versions' models start with."""
    return f"{names.model_package_group}-v"


def model(names: Names, version: int) -> str:
    """SageMaker model of a version, such as ``lakecast-prod-forecast-v12``.

    The model of a training job that is no version is named after the job.
    """
    return f"{model_prefix(names)}{version}"


def model_in_jsonata(names: Names, version: str = "$version") -> str:
    """JSONata of `model`."""
    return f"'{model_prefix(names)}' & {version}"


def version_of(names: Names, model_name: str) -> int | None:
    """Version that a SageMaker model was made of; None where it was made of a training job."""
    found = re.fullmatch(rf"{re.escape(model_prefix(names))}(\d+)", model_name)
    return int(found[1]) if found else None


def configuration(
    endpoint: str,
    variants: Sequence[tuple[str, str, float]],
    instance_type: str,
    instances: int,
) -> str:
    """Endpoint configuration, named by its content: the same content has the same name.

    Where the first variant serves a version, people read that in the name:
    ``lakecast-prod-forecast-v12-3f6c0a9be2144d1e``.

    Parameters
    ----------
    variants
        Name, SageMaker model and weight of each, in order.
    """
    first = variants[0][1] if variants else ""
    label = f"{first.removeprefix(f'{endpoint}-')}-" if first.startswith(f"{endpoint}-v") else ""
    shares = ",".join(f"{name}={model_}:{_number(weight)}" for name, model_, weight in variants)
    content = f"{shares};{instances} x {instance_type}"
    return f"{endpoint}-{label}{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def configuration_in_jsonata(
    endpoint: str, variants: str, instance_type: str, instances: int
) -> str:
    """JSONata of `configuration`.

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
    """A weight as JSONata's ``$string`` writes it."""
    return str(int(weight)) if float(weight).is_integer() else repr(float(weight))
