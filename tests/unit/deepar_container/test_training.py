"""Training: windows, losses and the checks of the data."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pandas as pd
import pytest
import torch
from container_runtime.errors import DataError, SeriesError
from deepar_container import training
from deepar_container.hyperparameters import LIKELIHOODS, Hyperparameters
from deepar_container.likelihoods import check_target
from deepar_container.losses import free_running, teacher_forced
from deepar_container.model import DeepAR
from deepar_container.network import FeatureShape
from deepar_container.sampling import sample_paths
from deepar_container.windows import TrainingWindows, forecast_windows
from forecast_format.series import Series
from forecast_format.test_scores import test_scores as scores_of
from gluonts.torch import DeepAREstimator
from gluonts.transform import LastValueImputation

from tests.support.models.deepar_bench import HOURS, START, TINY, daily_cycle


def series(target, cat=(), dynamic=None):
    features = {} if dynamic is None else {"dynamic_feat": np.asarray(dynamic, dtype=np.float32)}
    return Series(pd.Period(START, "h"), np.asarray(target, dtype=np.float32), cat, **features)


def parse(**given):
    return Hyperparameters.parse({**TINY, **given})


def ignore_epoch(epoch, loss):
    """Ignore the report of an epoch."""


def test_a_training_is_reproducible_bit_for_bit_by_its_seed(
    tiny_settings, tiny_series, tiny_weights
):
    def weights(seed):
        networks = training.fit(tiny_settings, tiny_series, ignore_epoch, seed).weights
        return [tensor for network in networks for tensor in network.values()]

    expected = [tensor for network in tiny_weights for tensor in network.values()]
    assert all(map(torch.equal, weights(training.SEED), expected))
    assert not all(map(torch.equal, weights(training.SEED + 1), expected))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_trains_and_forecasts(likelihood):
    values = daily_cycle(10.0)
    if likelihood == "negative-binomial":
        values = np.round(values)
    if likelihood == "beta":
        values = values / 20
    one = series(values)
    settings = training.settings_for(parse(likelihood=likelihood), [one])
    model = DeepAR(settings, training.fit(settings, [one], ignore_epoch).weights)
    samples = model.sample([one], 20)
    assert samples.shape == (1, 20, 4)
    assert np.isfinite(samples).all() and (samples >= 0).all()
    if likelihood == "deterministic-L1":  # a point forecast: all paths are equal
        assert (samples == samples[:, :1]).all()
    if likelihood == "beta":
        assert (samples <= 1).all()


@pytest.mark.parametrize(
    ("likelihood", "target"),
    [
        ("negative-binomial", [0, 1.5]),
        ("negative-binomial", [-1, 2]),
        ("beta", [0.5, 1.0]),
        ("beta", [0.0, 0.5]),
    ],
)
def test_values_outside_a_likelihoods_support_are_rejected(likelihood, target):
    with pytest.raises(SeriesError, match=f"target: likelihood {likelihood}"):
        check_target(likelihood, series(target))


def test_series_without_a_value_before_the_forecast_are_left_out():
    silent, short = series([np.nan] * 50), series([1, 2, 3])
    kept = training.trainable([silent, short, series(daily_cycle(3.0))], prediction_length=4)
    assert len(kept) == 1
    with pytest.raises(DataError, match="none of the 2 series has a value before its last 4"):
        training.trainable([silent, short], prediction_length=4)


def test_a_window_without_values_in_its_context_is_not_trained_on(tiny_settings):
    target = daily_cycle(10.0)
    target[20:150] = np.nan  # far longer than the context
    network = tiny_settings.network()
    windows = TrainingWindows(network, tiny_settings.features, [series(target, cat=(0, 0))])
    assert windows.draw(300)["past_observed_values"][:, -6:].sum(axis=1).min() > 0


def test_windows_equal_those_of_gluonts(tiny_settings):
    """Except the last feature: GluonTS's is the series' age, wrong for a truncated history."""
    network, features = tiny_settings.network(), tiny_settings.features
    one = series(np.where(np.arange(HOURS) % 7, daily_cycle(10.0), np.nan), cat=(1, 0))
    built = DeepAREstimator(
        freq="h",
        prediction_length=4,
        context_length=6,
        num_feat_static_cat=2,
        cardinality=[2, 2],
        imputation_method=LastValueImputation(),
    )
    transformation = built.create_transformation() + built._create_instance_splitter(
        built.create_lightning_module(), "test"
    )
    fields = {"start": one.start, "target": one.target, "feat_static_cat": list(one.cat)}
    (expected,) = transformation.apply([fields], is_train=False)
    found = forecast_windows(network, features, [one])
    for name in ("past_target", "past_observed_values", "feat_static_cat"):
        assert np.array_equal(found[name][0], expected[name])
    assert np.allclose(found["past_time_feat"][0, :, :-1], expected["past_time_feat"][-6:, :-1])
    assert np.allclose(found["future_time_feat"][0, :, :-1], expected["future_time_feat"][:, :-1])
    assert found["past_time_feat"][0, :, -1].tolist() == [0] * 6
    assert found["future_time_feat"][0, :, -1].tolist() == [0.25, 0.5, 0.75, 1]


def test_paths_equal_those_of_gluonts(tiny_settings, tiny_weights, tiny_series):
    network = tiny_settings.network().eval()
    network.load_state_dict(tiny_weights[0])
    window = forecast_windows(network, tiny_settings.features, tiny_series)
    torch.manual_seed(3)
    expected = network(**window, num_parallel_samples=7)
    torch.manual_seed(3)
    assert torch.allclose(sample_paths(network, window, 7), expected, rtol=1e-4)


def test_context_and_forecast_have_equal_weight_in_the_loss(tiny_settings, tiny_series):
    """A network that ignores its input has the same loss for drawn and observed paths."""
    network = tiny_settings.network()
    for parameter in network.rnn.parameters():
        torch.nn.init.zeros_(parameter)
    windows = TrainingWindows(network, tiny_settings.features, tiny_series).draw(50)
    context, ahead = tiny_settings.hyperparameters.context_length - 1, 4
    both = teacher_forced(network, windows) * (context + ahead)
    forecast = -network.log_prob(
        **{name: values for name, values in windows.items() if name != "future_observed_values"}
    ).mean()
    expected = ((both - forecast) / context + forecast / ahead) / 2
    assert free_running(network, windows).item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_free_running_loss_does_not_read_observed_values(
    tiny_settings, tiny_weights, tiny_series
):
    """Observed values in the forecast are compared with, but are not an input."""
    network = tiny_settings.network().eval()
    network.load_state_dict(tiny_weights[0])
    windows = TrainingWindows(network, tiny_settings.features, tiny_series).draw(20)
    torch.manual_seed(1)
    expected = free_running(network, windows)
    torch.manual_seed(1)
    unobserved = dict(windows)
    unobserved["future_target"] = windows["future_target"].clone()
    unobserved["future_target"][:, :3] = 1e9
    unobserved["future_observed_values"] = torch.tensor([0.0, 0, 0, 1]).expand(20, -1)
    last_only = free_running(network, unobserved)
    torch.manual_seed(1)
    unobserved["future_target"] = windows["future_target"]
    assert free_running(network, unobserved).item() == pytest.approx(last_only.item())
    assert torch.isfinite(expected)


def test_early_stopping_ends_after_epochs_without_progress(tiny_settings, tiny_series):
    hyperparameters = parse(epochs="30", early_stopping_patience="1", learning_rate="0.9")
    settings = dataclasses.replace(tiny_settings, hyperparameters=hyperparameters)
    losses = []
    fitted = training.fit(
        settings,
        tiny_series,
        lambda epoch, loss: losses.append(loss),
        networks=1,
        loss=teacher_forced,
    )
    assert len(losses) < 30
    assert fitted.loss == min(losses) < losses[-1]


def test_a_loss_that_is_not_finite_ends_the_training(tiny_settings, tiny_series):
    absurd = [dataclasses.replace(tiny_series[0], target=np.full(HOURS, 3e38, np.float32))]
    with pytest.raises(DataError, match="look for extreme values"):
        training.fit(tiny_settings, absurd, ignore_epoch)


def test_cardinality_is_read_from_the_data_or_checked_against_them():
    data = [series([1], cat=(0, 4)), series([1], cat=(2, 1))]
    assert FeatureShape.of(parse(), data).cardinality == (3, 5)
    assert FeatureShape.of(parse(cardinality="[6, 5]"), data).cardinality == (6, 5)
    assert FeatureShape.of(parse(cardinality=""), data).cardinality == ()
    with pytest.raises(DataError, match=r"cat\[0\] must be below 2"):
        FeatureShape.of(parse(cardinality="[2, 5]"), data)
    with pytest.raises(DataError, match="names 1 categories; the series have 2"):
        FeatureShape.of(parse(cardinality="[6]"), data)
    with pytest.raises(DataError, match="cat of one length"):
        FeatureShape.of(parse(), [*data, series([1])])


def test_dynamic_features_are_standardised_with_the_training_data():
    pressure = 1013 + np.random.default_rng(1).normal(0, 8, HOURS)
    one = series(daily_cycle(10.0), dynamic=[pressure, np.ones(HOURS)])
    features = FeatureShape.of(parse(), [one])
    settings = training.settings_for(parse(), [one])
    windows = TrainingWindows(settings.network(), features, [one])
    known = windows.draw(500)["future_time_feat"][..., -3:-1]
    assert abs(known[..., 0].mean()) < 0.2 and 0.8 < known[..., 0].std() < 1.2
    assert (known[..., 1] == 0).all()
    assert features.standardised(np.array([[1013.0], [1.0]])).tolist() == [
        [pytest.approx(0, abs=0.2)],
        [0],
    ]


def test_dynamic_features_must_match_the_target():
    data = [series([1, 2], dynamic=[[1, 2], [3, 4]])]
    assert FeatureShape.of(parse(), data).num_dynamic_feat == 2
    assert FeatureShape.of(parse(num_dynamic_feat="ignored"), data).num_dynamic_feat == 0
    with pytest.raises(DataError, match="num_dynamic_feat is 1; the series have 2"):
        FeatureShape.of(parse(num_dynamic_feat="1"), data)
    with pytest.raises(DataError, match="dynamic_feat must hold 1 lists of 3 numbers; got 1 of 2"):
        FeatureShape.of(parse(), [series([1, 2, 3], dynamic=[[1, 2]])])


def test_an_epoch_covers_every_value_about_once_within_bounds():
    hyperparameters = parse(mini_batch_size="10")  # windows of 10 hours, 100 hours per batch
    long = [series(np.ones(10_000))]
    assert training.batches_per_epoch(hyperparameters, long) == 100
    assert training.batches_per_epoch(hyperparameters, long[:0]) == training.LEAST_BATCHES
    assert training.batches_per_epoch(hyperparameters, long * 99) == training.MOST_BATCHES


def test_scores_match_their_definition(tiny_model, tiny_series):
    scores = scores_of(tiny_model, tiny_series, 50, (0.1, 0.5, 0.9))
    histories = [dataclasses.replace(one, target=one.target[:-4]) for one in tiny_series]
    samples = tiny_model.sample(histories, 50)
    actual = np.stack([one.target[-4:] for one in tiny_series])
    median = np.quantile(samples, 0.5, axis=1)
    assert scores["wQuantileLoss[0.5]"] == pytest.approx(
        np.abs(actual - median).sum() / actual.sum()
    )
    assert scores["RMSE"] == pytest.approx(
        np.sqrt(np.mean((samples.mean(axis=1) - actual) ** 2)), rel=1e-5
    )
    levels = [scores[f"wQuantileLoss[{level}]"] for level in (0.1, 0.5, 0.9)]
    assert scores["mean_wQuantileLoss"] == pytest.approx(np.mean(levels))


def test_a_test_channel_too_short_for_a_forecast_is_rejected(tiny_model):
    with pytest.raises(DataError, match="no series is longer than prediction_length"):
        scores_of(tiny_model, [series([1, 2, 3, 4], cat=(0, 0))], 10, (0.5,))


def test_metric_lines_have_the_format_that_sagemaker_matches(caplog):
    with caplog.at_level(logging.INFO, logger="forecast"):
        training.metric_lines.epoch_loss("algo-1", 0, 4, 4.25)
        training.metric_lines.final_loss("algo-1", 3.5)
        training.metric_lines.test_scores(
            "algo-1", {"RMSE": 1.5, "mean_wQuantileLoss": 0.25, "wQuantileLoss[0.1]": 0.125}
        )
    assert [record.getMessage() for record in caplog.records] == [
        "#progress_metric: host=algo-1, completed 25.0 % of epochs",
        "#quality_metric: host=algo-1, epoch=0, train loss <loss>=4.25",
        "#quality_metric: host=algo-1, train final_loss <loss>=3.5",
        "#test_score (algo-1, RMSE): 1.5",
        "#test_score (algo-1, mean_wQuantileLoss): 0.25",
        "#test_score (algo-1, wQuantileLoss[0.1]): 0.125",
        "#quality_metric: host=algo-1, test mean_wQuantileLoss <loss>=0.25",
        "#quality_metric: host=algo-1, test RMSE <loss>=1.5",
    ]
