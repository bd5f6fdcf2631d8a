"""Records of algorithms: what they say is what the containers take and do."""

from __future__ import annotations

from pathlib import Path

import pytest
from boosting_container import hyperparameters as boosting
from container_runtime.errors import HyperparameterError
from deepar_container import hyperparameters as deepar

from contracts.models.algorithms import ALGORITHMS, of_repository

ROOT = Path(__file__).parents[4]
CONTAINERS = {"boosting": boosting, "deepar": deepar}
REQUIRED = {
    "boosting": {"time_freq": "H", "prediction_length": "24"},
    "deepar": {"time_freq": "H", "prediction_length": "24", "context_length": "24", "epochs": "1"},
}
TRIED = (
    *("0", "1", "2", "0.5", "1e-9", "-1", "20", "21", "131072", "131073", "x", "gaussian"),
    *("1000000", "1000001", "1" + "0" * 400, "1_0", "\u0663", "student-t", "STUDENT-T", "1e400"),
)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_algorithm_is_named_as_it_is_found_and_has_a_folder_with_programs(name):
    algorithm = ALGORITHMS[name]
    assert algorithm.name == name
    assert (ROOT / algorithm.folder / "train").is_file()
    assert (ROOT / algorithm.folder / "serve").is_file()


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_record_has_the_containers_hyperparameters(name):
    record = ALGORITHMS[name].hyperparameters
    assert set(record) == set(CONTAINERS[name]._PARSERS)
    assert {one for one, its in record.items() if its.required} == set(REQUIRED[name])


@pytest.mark.parametrize("text", TRIED)
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_record_accepts_the_hyperparameters_that_its_container_accepts(name, text):
    for hyperparameter, its in ALGORITHMS[name].hyperparameters.items():
        try:
            CONTAINERS[name].Hyperparameters.parse({**REQUIRED[name], hyperparameter: text})
        except HyperparameterError:
            # texts have a form that the record leaves to the container; so are ends of ranges
            if its.kind == "integer":
                assert not its.takes(text), (hyperparameter, text)
        else:
            assert its.takes(text), (hyperparameter, text)


def test_only_our_own_image_has_metrics_defined():
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/some:1"
    assert ALGORITHMS["boosting"].specification(image)["MetricDefinitions"]
    assert ALGORITHMS["deepar"].specification(image) == {
        "TrainingImage": image,
        "TrainingInputMode": "File",
    }


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("lakecast-prod-boosting", "boosting"),
        ("forecasting-deepar", "deepar"),
        ("lakecast-prod-deepar", None),
        ("other", None),
    ],
)
def test_an_algorithm_is_known_by_its_image(repository, name):
    found = of_repository(repository)
    assert (found.name if found else None) == name
