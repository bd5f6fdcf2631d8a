"""DeepAR's hyperparameters as SageMaker documents them."""

from __future__ import annotations

import pytest
from container_runtime.errors import HyperparameterError
from deepar_container.hyperparameters import AUTO, IGNORED, Hyperparameters

REQUIRED = {"time_freq": "H", "context_length": "72", "prediction_length": "24", "epochs": "20"}


def test_missing_hyperparameters_take_sagemakers_defaults():
    parsed = Hyperparameters.parse(REQUIRED)
    assert (parsed.num_cells, parsed.num_layers, parsed.mini_batch_size) == (40, 2, 128)
    assert (parsed.likelihood, parsed.dropout_rate, parsed.learning_rate) == (
        "student-T",
        0.1,
        1e-3,
    )
    assert (parsed.embedding_dimension, parsed.num_eval_samples) == (10, 100)
    assert (parsed.cardinality, parsed.num_dynamic_feat) == (AUTO, AUTO)
    assert parsed.early_stopping_patience is None
    assert parsed.test_quantiles == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_required_hyperparameter_is_named(name):
    with pytest.raises(HyperparameterError, match=f"{name} is required"):
        Hyperparameters.parse({key: value for key, value in REQUIRED.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_freq", "hourly"),
        ("time_freq", "0H"),
        ("context_length", "0"),
        ("prediction_length", "24.5"),
        ("epochs", "many"),
        ("likelihood", "student"),
        ("dropout_rate", "1"),
        ("dropout_rate", "nan"),
        ("learning_rate", "0"),
        ("learning_rate", "-0.1"),
        ("mini_batch_size", "-1"),
        ("num_cells", "0"),
        ("num_layers", "two"),
        ("num_eval_samples", "0"),
        ("embedding_dimension", "0"),
        ("early_stopping_patience", "0"),
        ("cardinality", "[0, 5]"),
        ("cardinality", "6"),
        ("num_dynamic_feat", "-2"),
        ("test_quantiles", "[0.1, 1.0]"),
        ("test_quantiles", "0.1"),
    ],
)
def test_a_value_out_of_range_is_rejected_by_name(name, value):
    with pytest.raises(
        HyperparameterError, match=f"{name} must be .*got '{value}'".replace("[", r"\[")
    ):
        Hyperparameters.parse({**REQUIRED, name: value})


def test_all_errors_are_reported_together():
    with pytest.raises(HyperparameterError) as rejected:
        Hyperparameters.parse({"time_freq": "H", "epochs": "0", "num_cell": "40"})
    message = str(rejected.value)
    for part in (
        "context_length is required",
        "epochs must be",
        "'num_cell' is not a hyperparameter",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("time_freq", "frequency"),
    [("H", "h"), ("2H", "2h"), ("1D", "D"), ("5min", "5min"), ("M", "M"), ("W", "W")],
)
def test_time_freq_is_converted_to_pandas_notation(time_freq, frequency):
    assert Hyperparameters.parse({**REQUIRED, "time_freq": time_freq}).frequency == frequency


@pytest.mark.parametrize("text", ["", "ignore"])
def test_categories_and_dynamic_features_can_be_ignored(text):
    parsed = Hyperparameters.parse({**REQUIRED, "cardinality": text, "num_dynamic_feat": text})
    assert (parsed.cardinality, parsed.num_dynamic_feat) == (IGNORED, IGNORED)


def test_hyperparameters_survive_json():
    parsed = Hyperparameters.parse({**REQUIRED, "cardinality": "[6, 5]", "num_dynamic_feat": "2"})
    assert Hyperparameters.from_json(parsed.to_json()) == parsed


def test_sagemakers_own_tuning_settings_are_ignored():
    Hyperparameters.parse({**REQUIRED, "_tuning_objective_metric": "test:RMSE"})


@pytest.mark.parametrize(
    ("text", "likelihood"),
    [
        ("student-T", "student-T"),
        ("student-t", "student-T"),  # as SageMaker logs it
        ("Negative-Binomial", "negative-binomial"),
        ("deterministic-l1", "deterministic-L1"),
    ],
)
def test_a_likelihood_is_read_in_any_case(text, likelihood):
    assert Hyperparameters.parse({**REQUIRED, "likelihood": text}).likelihood == likelihood


@pytest.mark.parametrize("name", ["cardinality", "test_quantiles"])
def test_a_list_that_nests_too_deeply_is_rejected_by_name(name):
    with pytest.raises(HyperparameterError, match=f"{name} must be"):
        Hyperparameters.parse({**REQUIRED, name: "[" * 100_000})
