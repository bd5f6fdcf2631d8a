"""Requests to a trained model and its responses."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from container_runtime.errors import RequestError
from deepar_container.hyperparameters import IGNORED
from deepar_container.model import DeepAR
from forecast_format import invocation
from forecast_format.invocation import MAX_INSTANCES, Configuration, answer_json, answer_json_lines

ALL = {"output_types": ["mean", "quantiles", "samples"], "num_samples": 30}


@pytest.fixture(scope="module")
def instance(tiny_series):
    one = tiny_series[0]
    return {
        "start": "2024-01-01 00:00:00",
        "target": [float(value) for value in one.target],
        "cat": list(one.cat),
    }


def ask(model, instances, **configuration):
    body = {"instances": instances, "configuration": configuration}
    return answer_json(model, json.dumps(body).encode())["predictions"]


def test_a_response_has_the_requested_outputs(tiny_model, instance):
    (prediction,) = ask(tiny_model, [instance], **ALL, quantiles=["0.1", "0.55", "0.9"])
    samples = np.array(prediction["samples"])
    assert samples.shape == (30, 4)
    assert list(prediction["quantiles"]) == ["0.1", "0.55", "0.9"]
    np.testing.assert_allclose(prediction["mean"], samples.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        prediction["quantiles"]["0.55"], np.quantile(samples, 0.55, axis=0), rtol=1e-5
    )
    (only,) = ask(tiny_model, [instance], output_types=["mean"])
    assert set(only) == {"mean"}


def test_quantiles_do_not_cross_and_positive_data_stay_positive(tiny_model, instance):
    levels = [f"0.{level:02}" for level in range(5, 100, 5)]
    (prediction,) = ask(tiny_model, [instance], quantiles=levels)
    rows = np.array([prediction["quantiles"][level] for level in levels])
    assert (np.diff(rows, axis=0) >= 0).all()
    assert (rows >= 0).all()


def test_the_same_request_gives_the_same_response(tiny_model, instance):
    assert ask(tiny_model, [instance], **ALL) == ask(tiny_model, [instance], **ALL)


def test_predictions_are_in_the_order_of_the_instances(tiny_model, instance, tiny_series):
    large = {**instance, "target": tiny_series[1].target.tolist(), "cat": [0, 1]}
    small_first = ask(tiny_model, [instance, large])
    large_first = ask(tiny_model, [large, instance])
    assert max(small_first[0]["mean"]) < min(small_first[1]["mean"])
    assert max(large_first[1]["mean"]) < min(large_first[0]["mean"])


def test_a_saved_and_loaded_model_gives_the_same_forecasts(
    tmp_path, tiny_settings, tiny_weights, tiny_model, instance
):
    DeepAR(tiny_settings, tiny_weights).save(tmp_path)
    assert ask(DeepAR.load(tmp_path), [instance], **ALL) == ask(tiny_model, [instance], **ALL)


def test_a_series_without_values_in_its_context_is_forecast_at_its_own_level(tiny_model, instance):
    """GluonTS would scale it by the other series in the batch."""
    silent = {**instance, "target": [*instance["target"][:-6], *[None] * 6]}
    other = {**instance, "target": [1e6] * 50}
    (alone,) = ask(tiny_model, [silent])
    together = ask(tiny_model, [silent, other])[0]
    for answer in (alone, together):
        assert 1 < np.mean(answer["mean"]) < 100  # the series' level is 10


@pytest.mark.parametrize("target", [[], [None] * 3, ["NaN"] * 100])
def test_a_series_without_history_is_forecast_at_the_category_level(tiny_model, instance, target):
    small, large = ask(
        tiny_model,
        [{**instance, "target": target}, {**instance, "target": target, "cat": [0, 1]}],
    )
    assert 1 < np.mean(small["mean"]) < 100
    assert 100 < np.mean(large["mean"]) < 10_000


def test_histories_that_are_short_or_have_gaps_are_forecast(tiny_model, instance):
    gappy = [v if n % 3 else "NaN" for n, v in enumerate(instance["target"])]
    for target in (instance["target"][:2], gappy):
        (prediction,) = ask(tiny_model, [{**instance, "target": target}])
        assert np.isfinite(prediction["mean"]).all()


def test_a_series_with_a_gap_of_hundreds_of_hours_is_forecast(tiny_model, instance):
    long = instance["target"] * 6
    for hours_after in (1, 400):
        gappy = [*long[:-700], *[None] * (700 - hours_after), *long[-hours_after:]]
        (prediction,) = ask(tiny_model, [{**instance, "target": gappy}])
        assert 1 < np.mean(prediction["mean"]) < 100  # the series' level is 10


@pytest.mark.parametrize("level", [0.0, 1e-6, 7.0, 1e6])
def test_a_constant_series_is_forecast_near_its_level(tiny_model, instance, level):
    (prediction,) = ask(tiny_model, [{**instance, "target": [level] * 100}])
    mean = np.array(prediction["mean"])
    assert (mean >= 0).all() and (mean <= 10 * level + 1e-6).all()


def test_dynamic_features_must_cover_the_forecast(tiny_settings, instance):
    features = dataclasses.replace(tiny_settings.features, dynamic_scales=((0.5, 2.0),))
    settings = dataclasses.replace(tiny_settings, features=features)
    model = DeepAR(settings, [settings.network().state_dict()])
    hours = len(instance["target"])
    (prediction,) = ask(model, [{**instance, "dynamic_feat": [[0.5] * (hours + 4)]}])
    assert len(prediction["mean"]) == 4
    (empty,) = ask(model, [{**instance, "target": [], "dynamic_feat": [[0.5] * 4]}])
    assert len(empty["mean"]) == 4
    with pytest.raises(RequestError, match=f"1 lists of {hours + 4} numbers; got 1 of {hours}"):
        ask(model, [{**instance, "dynamic_feat": [[0.5] * hours]}])
    with pytest.raises(RequestError, match="dynamic_feat must hold"):
        ask(model, [instance])


def test_a_field_that_a_model_does_not_use_is_refused_unless_training_ignored_it(
    tiny_settings, instance
):
    def model(**changes):
        hyperparameters = dataclasses.replace(tiny_settings.hyperparameters, **changes)
        settings = dataclasses.replace(
            tiny_settings,
            hyperparameters=hyperparameters,
            features=dataclasses.replace(tiny_settings.features, cardinality=()),
        )
        return DeepAR(settings, [settings.network().state_dict()])

    with pytest.raises(RequestError, match="cat must be absent"):
        ask(model(), [instance])
    features = {**instance, "dynamic_feat": [[1.0] * 204]}
    with pytest.raises(RequestError, match="dynamic_feat must be absent"):
        ask(model(cardinality=IGNORED), [features])
    both = model(cardinality=IGNORED, num_dynamic_feat=IGNORED)
    assert len(ask(both, [features])) == 1


@pytest.mark.parametrize(("likelihood", "value"), [("negative-binomial", -1.0), ("beta", 1.0)])
def test_a_value_that_the_likelihood_does_not_have_is_refused(
    tiny_settings, instance, likelihood, value
):
    hyperparameters = dataclasses.replace(tiny_settings.hyperparameters, likelihood=likelihood)
    settings = dataclasses.replace(tiny_settings, hyperparameters=hyperparameters)
    model = DeepAR(settings, [settings.network().state_dict()])
    with pytest.raises(RequestError, match=f"target: likelihood {likelihood}"):
        ask(model, [{**instance, "target": [value]}])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cat": [2, 0]}, r"instances\[1\]: cat\[0\] must be below 2"),
        ({"cat": [0]}, r"instances\[1\]: cat must hold 2 categories"),
        ({"cat": None}, r"instances\[1\]: cat must hold 2 categories"),
        ({"target": "1,2,3"}, r"instances\[1\]: target must be a list"),
        ({"target": {"a": 1}}, r"instances\[1\]: target must be a list"),
        ({"target": [[1, 2]]}, r"instances\[1\]: target must be a list"),
        ({"target": [True]}, r"instances\[1\]: target must be a list"),
        ({"start": "never"}, r"instances\[1\]: start must be a time"),
        ({"start": None}, r"instances\[1\]: start is missing"),
    ],
)
def test_an_invalid_instance_is_named_with_its_error(tiny_model, instance, change, message):
    with pytest.raises(RequestError, match=message):
        ask(tiny_model, [instance, {**instance, **change}])


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"quantiles": ["1.0"]}, "a quantile must be between 0 and 1.*'1.0'"),
        ({"quantiles": ["half"]}, "a quantile must be between 0 and 1"),
        ({"quantiles": [True]}, "a quantile must be between 0 and 1"),
        ({"quantiles": "0.5"}, "quantiles must be a list"),
        ({"num_samples": 0}, "num_samples must be an integer from 1"),
        ({"num_samples": 10**6}, "num_samples must be an integer from 1"),
        ({"output_types": ["median"]}, "output_types must be a list of some of"),
        ({"output_types": [["mean"]]}, "output_types must be a list of some of"),
    ],
)
def test_an_invalid_configuration_is_rejected(tiny_model, instance, configuration, message):
    with pytest.raises(RequestError, match=message):
        ask(tiny_model, [instance], **configuration)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body must be JSON"),
        (b"[]", "the body must be an object with instances"),
        (b"{}", "instances must be a list"),
        (b'{"instances": []}', "instances must be a list of at least one"),
        (b'{"instances": [1]}', r"instances\[0\]: expected an object"),
        (b"\xff", "the body must be JSON"),
    ],
)
def test_an_invalid_body_is_rejected(tiny_model, body, message):
    with pytest.raises(RequestError, match=message):
        answer_json(tiny_model, body)


def test_too_many_instances_are_rejected(tiny_model, instance):
    with pytest.raises(RequestError, match=f"at most {MAX_INSTANCES} instances"):
        ask(tiny_model, [{**instance, "target": []}] * (MAX_INSTANCES + 1))


def test_batch_transform_returns_one_line_per_instance(tiny_model, instance):
    body = (json.dumps(instance) + "\n\n" + json.dumps(instance) + "\n").encode()
    configuration = Configuration(output_types=("quantiles",), quantiles=("0.5",))
    lines = answer_json_lines(tiny_model, body, configuration).splitlines()
    assert [list(json.loads(line)["quantiles"]) for line in lines] == [["0.5"], ["0.5"]]


def test_a_batch_of_any_length_is_forecast_and_an_invalid_line_is_named(
    tiny_model, instance, monkeypatch
):
    monkeypatch.setattr(invocation, "MAX_INSTANCES", 2)
    lines = [json.dumps(instance).encode()] * 5
    answered = answer_json_lines(tiny_model, b"\n".join(lines), Configuration()).splitlines()
    assert len(answered) == len(lines)
    lines[-1] = b'{"start": "2024-01-01"}'
    with pytest.raises(RequestError, match="line 5: target is missing"):
        answer_json_lines(tiny_model, b"\n".join(lines), Configuration())
