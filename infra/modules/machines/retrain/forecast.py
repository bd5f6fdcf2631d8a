"""Fragments of the workload ``forecast``: series from the lake, evaluated on held-out days."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from contracts.lake.locations import CHANNELS
from contracts.models.container_images import image_uri
from contracts.models.forecast_input import JUDGED_QUANTILES, configuration
from contracts.models.requests.parts import Arguments, Instances
from contracts.models.requests.processing import ProcessingJob, processing_job
from infra.modules.machines.retrain.inputs import Fragments, RetrainInputs, RunJob
from infra.modules.machines.retrain.run_jobs import job_name
from infra.modules.machines.states_language import Part, expression
from infra.modules.machines.tasks import glue

_SAMPLES = 200
_VOLUME_GB = 30
_HELD_OUT = "$place & 'held-out/"

_METADATA = {
    "origins": "$string($held_out.origins)",
    "categories": f"{_HELD_OUT}judged/categories.json'",
    **{
        figure: f"$verdict.{figure} = null ? 'none' : $string($verdict.{figure})"
        for figure in (
            "wql", "wql_champion", "wql_persistence", "wql_naive_24", "nd", "mase", "coverage_80",
        )
    },
}  # fmt: skip


def fragments(inputs: RetrainInputs) -> Fragments:
    """Returns the fragments: build series, hold out the newest days, evaluate their forecasts."""
    answers = configuration(JUDGED_QUANTILES, samples=_SAMPLES, with_mean=False)
    return Fragments(
        prepare=lambda then: _prepare(inputs, then),
        hold_out=_hold_out(inputs),
        channels={"train": f"{_HELD_OUT}train/'"},
        questions=lambda model: f"{_HELD_OUT}judged/{model}/'",
        environment={"DEEPAR_INFERENCE_CONFIG": json.dumps(answers, allow_nan=False)},
        judge=_judge(inputs),
        metadata=_METADATA,
    )


def _prepare(inputs: RetrainInputs, then: str) -> Part:
    """Returns the part that crawls raw for Athena and builds readings, series and channels."""
    names = inputs.names
    series = glue.series_of_arrivals(names, start="$start", end="$end", then=then)
    crawl = glue.crawl(names, then=series.start)
    return Part(crawl.start, {**crawl.states, **series.states})


def _hold_out(inputs: RetrainInputs) -> RunJob:
    channels = CHANNELS.uri(inputs.names)
    own, end = "$champion_metadata.categories", "$champion_metadata.data_end"
    request = _evaluation(
        inputs,
        "hold-out",
        (
            "origins",
            *("--origins", str(inputs.retraining.origins)),
            *("--package", expression("$champion")),
            *("--data-end", expression(f"$exists({end}) ? {end} : ''")),
        ),
        {
            "series": f"{channels}test/",
            "categories": f"{channels}categories.json",
            "champion": expression(f"$exists({own}) ? {own} : '{channels}categories.json'"),
        },
        {"out": expression(f"{_HELD_OUT}'")},
    )
    known = {"held_out": "$parse({}.ExitMessage)"}
    return RunJob("Hold out", "Processing", "hold-out", request, known)


def _judge(inputs: RetrainInputs) -> RunJob:
    limits = inputs.retraining
    request = _evaluation(
        inputs,
        "judge",
        (
            "judge",
            *("--most-loss-over-champion", str(limits.most_loss_over_champion)),
            *("--least-coverage-80", str(limits.least_coverage_80)),
            *("--most-coverage-80", str(limits.most_coverage_80)),
            "--champion-failure",
            # an argument has at most 256 characters
            expression("$substring($replace($champion_failure, /\\s+/, ' '), 0, 240)"),
        ),
        {
            "judged": expression(f"{_HELD_OUT}judged/'"),
            "forecasts": expression("$place & 'predictions/'"),
        },
        {"out": expression("$place & 'report/'")},
    )
    return RunJob("Judge", "Processing", "judge", request, {"verdict": "$parse({}.ExitMessage)"})


def _evaluation(
    inputs: RetrainInputs,
    name: str,
    arguments: Sequence[str],
    sources: Mapping[str, str],
    outputs: Mapping[str, str],
) -> Arguments:
    """Returns a processing job that runs a command of the evaluation container."""
    image = image_uri(inputs.names, "evaluation")
    return processing_job(
        ProcessingJob(job_name(inputs, name), image, arguments, sources, outputs),
        inputs.owner,
        Instances(inputs.retraining.instance_type, _VOLUME_GB, inputs.training.max_runtime_seconds),
    )
