"""Trains a model from the channels and writes the artefact.

Every lead is forecast directly from the hours before the origin, with the lead as a feature. The
first hours have trees of their own, which learn differences from the last value; those of the later
hours learn values in units of their recent size.
Blocks of days are distributed over folds. For each fold, one model is trained on the others; its
errors on the fold calibrate the bands over all seasons. The forecast is the mean of the models.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from container_runtime import metric_lines
from container_runtime.errors import DataError
from container_runtime.metric_lines import logger
from container_runtime.paths import ContainerPaths
from forecast_format.channels import read_channel
from forecast_format.related import with_related
from forecast_format.series import Series
from forecast_format.test_scores import check_scorable, test_scores

from boosting_container.calibration import Calibration
from boosting_container.features import Columns
from boosting_container.hyperparameters import LATER_BAGGING, Hyperparameters
from boosting_container.model import (
    BASE_LEVELS,
    FIRST_HOURS,
    SEGMENTS,
    TARGET,
    Boosting,
    Cat,
    Floats,
    Frame,
    Group,
    Leads,
    group_of,
    leads_of,
)
from boosting_container.rows import LEAST_HISTORY, Rows, rows_to_learn
from boosting_container.windows import DAY
from contracts.models.forecast_input import QUANTILES

TEST_QUANTILES = tuple(float(level) for level in QUANTILES)
SAMPLES = 100
LEAST_LEAVES = 40
"""The minimum number of rows in a leaf is at most a fold's rows divided by this: a short history
gets small leaves."""

LEAST_MEAN = 1e-15
"""Smallest mean of a series that its values are divided by: others would exceed 32 bits."""

STAGES = 10
"""Number of stages of the boosting rounds; the loss after each shows whether more would help."""

Report = Callable[[float], None]
"""A function that receives the share of the training that is done, 0 to 1."""

Curve = npt.NDArray[np.float64]
"""Mean weighted quantile loss after each stage, on the held-out days of each fold; 0 for values
that are all zero, which are forecast without an error."""


def run(paths: ContainerPaths, hyperparameters: Hyperparameters) -> None:
    """Train on the ``train`` channel, score on ``test`` if it exists, and save the artefact.

    Raises
    ------
    CustomerError
        The channels are not usable for training; the message says why.
    """
    host = metric_lines.current_host(paths.resource_config)
    series = with_related(read_channel(paths.channel("train"), hyperparameters.frequency))
    held_out = None
    if paths.channel("test").is_dir():
        held_out = with_related(read_channel(paths.channel("test"), hyperparameters.frequency))
        _check_test(held_out, series, hyperparameters.prediction_length)
    logger.info("training on %d series", len(series))
    curves: dict[int, Curve] = {}
    model, loss = fit(
        series, hyperparameters, lambda share: metric_lines.progress(host, share), curves
    )
    for stage, mean in enumerate(np.mean(list(curves.values()), axis=0).tolist()):
        metric_lines.loss_after(host, stage, mean)
    for category, curve in curves.items():
        metric_lines.final_loss_of(host, category, float(curve[-1]))
    metric_lines.final_loss(host, loss)
    model.save(paths.model)
    if held_out is not None:
        _score(host, model, held_out)


def _score(host: str, model: Boosting, held_out: Sequence[Series]) -> None:
    """Log the scores on the test channel's series of trained groups."""
    known = [one for one in held_out if group_of(one) in model.groups]
    if len(known) < len(held_out):
        logger.warning(
            "%d of %d series of the test channel are of groups that were not trained, and are not "
            "scored",
            len(held_out) - len(known),
            len(held_out),
        )
    try:
        scores = test_scores(model, known, SAMPLES, TEST_QUANTILES)
    except DataError as error:  # of the groups that are left; the channel was checked before
        logger.warning("not scored: %s", error)
    else:
        metric_lines.test_scores(host, scores)


def fit(
    series: Sequence[Series],
    hyperparameters: Hyperparameters,
    report: Report = lambda _: None,
    curves: dict[int, Curve] | None = None,
) -> tuple[Boosting, float]:
    """Train a model; return it with its mean weighted quantile loss on the folds' held-out days.

    A group with too little data is left out; the model rejects its series.

    Parameters
    ----------
    curves
        Receives the loss curve of each group.

    Raises
    ------
    DataError
        The series have different fields, or all are too short for training.
    """
    _check("train", series)
    columns = Columns.of(series)
    scales = {one.cat: _scales(one) for one in series}
    by_group: dict[int, list[Series]] = {}
    for one in series:
        if np.isfinite(one.target).any():
            by_group.setdefault(group_of(one), []).append(one)
    usual = {key: _usual([scales[one.cat] for one in mine]) for key, mine in by_group.items()}
    scales = {cat: {**usual.get(_last(cat), {}), **by} for cat, by in scales.items()}
    if not by_group:
        raise DataError("train channel: no series has a value")
    groups, losses, errors = {}, [], []
    for number, (key, mine) in enumerate(sorted(by_group.items()), start=1):
        try:
            groups[key], curve = _learn(mine, columns, scales, hyperparameters)
            losses.append(curve[-1])
            if curves is not None:
                curves[key] = curve
        except DataError as error:  # a group that is new must not fail the others
            errors.append(f"last category {key}: {error}")
            logger.warning("not trained: %s", errors[-1])
        report(number / len(by_group))
    if not groups:
        raise DataError("train channel: " + "; ".join(errors))
    is_nonnegative = all(np.nanmin(one.target) >= 0 for mine in by_group.values() for one in mine)
    model = Boosting(hyperparameters, columns, scales, usual, groups, is_nonnegative)
    return model, float(np.mean(losses))


def _check_test(held_out: Sequence[Series], series: Sequence[Series], horizon: int) -> None:
    """Raise `DataError` for a test channel that cannot be scored by a model of the series."""
    _check("test", held_out)
    for field, (given, expected) in {
        "cat": (len(held_out[0].cat), len(series[0].cat)),
        "dynamic_feat": (len(held_out[0].dynamic_feat), len(series[0].dynamic_feat)),
    }.items():
        if given != expected:
            raise DataError(
                f"test channel: {field} must be as long as in the train channel ({expected}); got "
                f"{given}"
            )
    groups = {group_of(one) for one in series}
    known = [one for one in held_out if group_of(one) in groups]
    if not known:
        raise DataError(
            "test channel: no series has a last category of the train channel, which has "
            f"{sorted(groups)}"
        )
    check_scorable(known, horizon)


def _check(channel: str, series: Sequence[Series]) -> None:
    """Raise `DataError` for series with different fields or dynamic features of other lengths."""
    counts = {len(one.cat) for one in series}
    if len(counts) > 1:
        raise DataError(
            f"{channel} channel: cat must be as long in all series; got {sorted(counts)}"
        )
    dynamic = {len(one.dynamic_feat) for one in series}
    if len(dynamic) > 1:
        raise DataError(
            f"{channel} channel: dynamic_feat must hold as many lists in all series; got "
            f"{sorted(dynamic)}"
        )
    for one in series:
        if len(one.dynamic_feat) and one.dynamic_feat.shape[1] != len(one.target):
            raise DataError(
                f"{channel} channel: dynamic_feat must be as long as target ({len(one.target)}); "
                f"got {one.dynamic_feat.shape[1]} values of the series with cat {list(one.cat)}"
            )


def _learn(
    series: Sequence[Series],
    columns: Columns,
    scales: Mapping[Cat, Mapping[str, float]],
    hyperparameters: Hyperparameters,
) -> tuple[Group, Curve]:
    segments = {}
    held_out: list[_HeldOut] = []
    for segment in SEGMENTS:
        if leads_of(segment, hyperparameters.prediction_length):
            rows = rows_to_learn(series, columns, scales, hyperparameters, segment)
            segments[segment], forecasts = _fit_folds(segment, rows, hyperparameters)
            held_out.append(forecasts)
    calibration = Calibration.learn(
        np.array(BASE_LEVELS),
        np.concatenate([one.staged[-1] for one in held_out]),
        np.concatenate([one.value for one in held_out]),
        np.concatenate([one.lead for one in held_out]),
    )
    return Group(segments, calibration), _curve(held_out)


@dataclass(frozen=True)
class _HeldOut:
    """Forecasts of the rows with a whole history, each by the model that has not seen its day.

    Parameters
    ----------
    staged
        Quantiles after each stage of the rounds, shape (stages, rows, `BASE_LEVELS`).
    value, weight, lead
        See `Rows`.
    """

    staged: Floats
    value: Floats
    weight: Floats
    lead: Leads


def _fit_folds(
    segment: str, rows: Rows, hyperparameters: Hyperparameters
) -> tuple[list[list[lgb.Booster]], _HeldOut]:
    fold = _folds(rows, hyperparameters)
    kept = [fold == number for number in range(hyperparameters.folds)]
    # one thread per fold: LightGBM's own threads would wait for each other at every split
    with ThreadPoolExecutor(min(len(kept), os.cpu_count() or 1)) as pool:
        trained = list(pool.map(lambda out: _boosters(segment, rows, ~out, hyperparameters), kept))
    stages = min(STAGES, hyperparameters.rounds)
    staged = np.full((stages, len(rows.value), len(BASE_LEVELS)), np.nan)
    for fold_rows, boosters in zip(kept, trained, strict=True):
        out = fold_rows & rows.is_whole
        frame = Frame.of(segment, rows.features[out])
        for stage, values in enumerate(_staged(boosters, frame, hyperparameters.rounds, stages)):
            staged[stage, out] = values
    whole = rows.is_whole
    return trained, _HeldOut(
        staged[:, whole], rows.value[whole], rows.weight[whole], rows.lead[whole]
    )


def _folds(rows: Rows, hyperparameters: Hyperparameters) -> npt.NDArray[np.int64]:
    """Return the fold of every row: blocks of days take turns.

    Raises
    ------
    DataError
        There are too few days.
    """
    days, folds = rows.day - rows.day.min(), hyperparameters.folds
    block = min(hyperparameters.block_days, max(1, (int(days.max()) + 1) // (2 * folds)))
    fold: npt.NDArray[np.int64] = days // block % folds
    if len(np.unique(fold)) < folds:
        least = LEAST_HISTORY // DAY + folds
        raise DataError(
            f"boosting needs values on at least {least} days; got "
            f"{LEAST_HISTORY // DAY + int(days.max()) + 1}"
        )
    return fold


def _curve(held_out: Sequence[_HeldOut]) -> Curve:
    losses = [
        [_pinball(one.value, values, one.weight) for values in one.staged] for one in held_out
    ]
    size = sum(float((np.abs(one.value) * one.weight).sum()) for one in held_out)
    return np.asarray(np.sum(losses, axis=0) / (size or 1.0))


def _boosters(
    segment: str, rows: Rows, mine: npt.NDArray[np.bool_], hyperparameters: Hyperparameters
) -> list[lgb.Booster]:
    frame = Frame.of(segment, rows.features[mine])
    offset, size = frame.offset[:, 0], frame.size[:, 0]
    value = (rows.value[mine] - offset) / size
    weight = rows.weight[mine] * size  # a loss is in the target's units
    most = max(1, len(value) // LEAST_LEAVES)
    parameters = {
        "objective": "quantile",
        "learning_rate": hyperparameters.learning_rate,
        "feature_fraction": hyperparameters.feature_fraction,
        "bagging_fraction": hyperparameters.bagging_fraction
        * (1 if segment == FIRST_HOURS else LATER_BAGGING),
        "bagging_freq": 1,
        # neighbouring rows share most of their hours: the best of all splits follows them too
        # closely, and a random one per feature gives lower losses on days that were held out
        "extra_trees": True,
        "max_bin": hyperparameters.max_bin,
        "seed": hyperparameters.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "feature_pre_filter": False,  # min_data_in_leaf differs between levels
        "verbose": -1,
    }
    device = frame.features.shape[1] - 1
    data = lgb.Dataset(
        frame.features, value, weight=weight, categorical_feature=[device], params=parameters
    ).construct()

    def at(level: float) -> dict[str, float]:
        if 0.25 <= level <= 0.75:
            leaves, least = hyperparameters.num_leaves, hyperparameters.min_data_in_leaf
        else:
            leaves = hyperparameters.outer_num_leaves
            least = hyperparameters.outer_min_data_in_leaf
        return {"num_leaves": leaves, "min_data_in_leaf": min(least, most), "alpha": level}

    return [
        lgb.train({**parameters, **at(level)}, data, hyperparameters.rounds)
        for level in BASE_LEVELS
    ]


def _staged(
    boosters: Sequence[lgb.Booster], frame: Frame, rounds: int, stages: int
) -> Iterator[Floats]:
    """Yield the forecast after each stage, (rows, `BASE_LEVELS`); each round is predicted once."""
    predicted = np.zeros((len(frame.features), len(boosters)))
    for start, end in pairwise(np.linspace(0, rounds, stages + 1).astype(int).tolist()):
        for level, booster in enumerate(boosters):
            predicted[:, level] += booster.predict(
                frame.features, start_iteration=start, num_iteration=end - start, num_threads=1
            )
        yield frame.values(predicted)


def _pinball(value: Floats, predicted: Floats, weight: Floats) -> float:
    """Return twice the quantile loss, summed over values and averaged over levels."""
    error = value[:, None] - predicted
    losses = error * (np.array(BASE_LEVELS) - (error < 0)) * weight[:, None]
    return float(2 * losses.sum(axis=0).mean())


def _scales(series: Series) -> dict[str, float]:
    """Return divisors: the mean of values that are never negative, else 1."""
    found = {}
    for name, values in {TARGET: series.target, **series.related}.items():
        observed = values[np.isfinite(values)]
        if len(observed):
            mean = float(observed.mean(dtype=np.float64))
            found[name] = mean if observed.min() >= 0 and mean > LEAST_MEAN else 1.0
    return found


def _usual(scales: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of several series' divisors; 1 where one of them is 1."""
    names = {name for by in scales for name in by}
    usual = {}
    for name in sorted(names):
        known = [by[name] for by in scales if name in by]
        usual[name] = 1.0 if 1.0 in known else float(np.mean(known))
    return usual


def _last(cat: Cat) -> int:
    return cat[-1] if cat else 0
