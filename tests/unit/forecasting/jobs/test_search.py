"""Tuning jobs: what the ranges' file may say, what is asked of SageMaker, what is kept."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime

import pytest
from boosting_container import hyperparameters as boosting
from deepar_container import hyperparameters as deepar
from forecasting.cli import tune
from forecasting.errors import ForecastingError
from forecasting.jobs import search_settings, tuning, tuning_channels
from forecasting.jobs.tuning import Trial, TuningState

from contracts.models.algorithms import ALGORITHMS
from contracts.names import ENVIRONMENTS, Names
from contracts.settings.load import load
from localcloud.cloud.aws_shapes import request_violations

NAMES = Names("staging", "000000000000", "eu-west-1")
NOW = datetime(2024, 5, 1, 12, 30, 59, tzinfo=UTC)
HOLDOUT = "[holdout]\norigins = 14\n"
LIMITS = (
    'objective = "test:RMSE"\ngoal = "Minimize"\njobs = 9\nparallel = 2\n'
    'without_progress = 3\nearly_stopping = "Auto"\n'
)
RANGES = '[boosting.ranges]\nrounds = { integer = [10, 600], scaling = "Logarithmic" }\n'
FILE = f"{HOLDOUT}[boosting]\n{LIMITS}{RANGES}"


@pytest.fixture
def settings():
    return load("staging")


def valid(operation, request):
    assert request_violations("sagemaker", operation, request) == []


def read(tmp_path, text, **options):
    path = tmp_path / "tuning.toml"
    path.write_text(text)
    return search_settings.read("boosting", path, **options)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_requests_fit_sagemakers_model(settings, algorithm):
    search = search_settings.read(algorithm)
    name = tuning.job_name(NAMES, NOW)
    valid("CreateProcessingJob", tuning_channels.request(NAMES, settings, search, name))
    request = tuning.request(NAMES, settings, search, algorithm=algorithm, name=name, image="image")
    valid("CreateHyperParameterTuningJob", request)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_tuning_jobs_name_is_within_sagemakers_limit(environment):
    name = tuning.job_name(Names(environment, "000000000000", "eu-west-1"), NOW)
    assert name == f"lakecast-{environment}-tune-0501123059"
    assert len(name) <= 32


def test_a_tuned_hyperparameter_is_not_static_and_all_others_are(settings, tmp_path):
    settings.forecast.training.hyperparameters["boosting"]["rounds"] = "200"
    search = read(tmp_path, FILE)
    request = tuning.request(
        NAMES, settings, search, algorithm="boosting", name="job", image="image"
    )
    static = request["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static["time_freq"] == "H"
    assert "rounds" not in static
    configuration = request["HyperParameterTuningJobConfig"]
    assert configuration["ParameterRanges"] == {
        "IntegerParameterRanges": [
            {"Name": "rounds", "MinValue": "10", "MaxValue": "600", "ScalingType": "Logarithmic"}
        ]
    }
    assert configuration["TrainingJobEarlyStoppingType"] == "Auto"


def test_trials_learn_and_leave_models_in_the_tuning_jobs_own_folder(settings, tmp_path):
    request = tuning.request(
        NAMES, settings, read(tmp_path, FILE), algorithm="boosting", name="job", image="image"
    )["TrainingJobDefinition"]
    folder = "s3://lakecast-staging-models-000000000000/evaluations/job"
    sources = [one["DataSource"]["S3DataSource"]["S3Uri"] for one in request["InputDataConfig"]]
    assert sources == [f"{folder}/train/", f"{folder}/test/"]
    assert request["OutputDataConfig"]["S3OutputPath"] == f"{folder}/trials/"


def test_the_gates_days_are_kept_from_the_search(settings, tmp_path):
    request = tuning_channels.request(NAMES, settings, read(tmp_path, FILE), "job")
    arguments = request["AppSpecification"]["ContainerArguments"]
    assert arguments[0] == "holdout"
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    assert options["--kept"] == str(settings.forecast.retraining.origins)
    assert options["--origins"] == "14"


@pytest.mark.parametrize(("algorithm", "container"), [("boosting", boosting), ("deepar", deepar)])
@pytest.mark.parametrize("end", [0, -1])
def test_the_ends_of_all_ranges_are_what_the_containers_take(settings, algorithm, container, end):
    ranges = search_settings.read(algorithm).ranges
    tried = {name: one.values[end] for name, one in ranges.items()}
    container.Hyperparameters.parse(
        {**settings.forecast.training.hyperparameters[algorithm], **tried}
    )


@pytest.mark.parametrize(("algorithm", "container"), [("boosting", boosting), ("deepar", deepar)])
def test_the_present_settings_lie_in_the_searched_ranges(settings, algorithm, container):
    there = container.Hyperparameters.parse(settings.forecast.training.hyperparameters[algorithm])
    for name, one in search_settings.read(algorithm).ranges.items():
        low, high = map(float, one.values)
        assert low <= getattr(there, name) <= high, name


def test_the_numbers_of_jobs_can_be_overridden(tmp_path):
    assert read(tmp_path, FILE).jobs == 9
    few = read(tmp_path, FILE, jobs=1)
    assert (few.jobs, few.parallel) == (1, 1)
    with pytest.raises(ForecastingError, match=r"parallel must be 1 to 3, .*; got 4"):
        read(tmp_path, FILE, jobs=3, parallel=4)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("boosting", "forest", r"boosting is missing"),
        (RANGES, "", r"boosting.ranges is missing"),
        ("jobs = 9", "", "boosting.jobs is missing"),
        ("jobs = 9", "jobs = 9\ntrials = 1", "boosting.trials is not a setting"),
        ("jobs = 9", 'jobs = "9"', "boosting.jobs must be a whole number; got '9'"),
        ("jobs = 9", "jobs = 0", "jobs must be at least 1; got 0"),
        ("Minimize", "Minimise", "goal must be one of Minimize, Maximize; got 'Minimise'"),
        ("progress = 3", "progress = 2", "without_progress must be 0, or 3 or more; got 2"),
        ("origins = 14", "origins = 0", "holdout.origins must be at least 1; got 0"),
        ("Logarithmic", "Log", "boosting.ranges.rounds.scaling must be one of .*; got 'Log'"),
        ("[10, 600]", "[600, 10]", r"rounds.integer must be two whole numbers, the lower first"),
        ("[10, 600]", "[0.5, 10]", r"rounds.integer must be two whole numbers"),
        ("[10, 600]", "10", r"rounds.integer must be two whole numbers"),
        ("[10, 600]", "[0, 600]", r"rounds.integer must be above 0 .*; got \[0, 600\]"),
        ("rounds = {", "depth = {", "depth is no hyperparameter of boosting; known are time_freq"),
        ("[10, 600]", "[10, 20000]", "rounds must have values that boosting takes; got '20000'"),
        ("integer", "whole", "rounds.whole is not a setting; known: integer, continuous, categor"),
        (
            "integer = [10, 600]",
            "integer = [10, 600], continuous = [0.1, 0.2]",
            "rounds must be one of integer, continuous, categorical; got 'integer, continuous'",
        ),
        ("[holdout]", "[holdout", "at line 1"),
    ],
)
def test_invalid_searches_are_refused_by_name_and_place(tmp_path, old, new, complaint):
    assert old in FILE
    with pytest.raises(ForecastingError, match=rf"tuning\.toml:? .*{complaint}"):
        read(tmp_path, FILE.replace(old, new))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ForecastingError, match=r"nowhere\.toml is missing"):
        search_settings.read("boosting", tmp_path / "nowhere.toml")


def state(*objectives):
    trials = tuple(
        Trial(f"t-{number}", "Completed", objective, {"rounds": str(100 + number)})
        for number, objective in enumerate(objectives)
    )
    return TuningState("t", "Completed", "", trials)


def test_the_best_is_printed_as_an_environments_settings():
    best = state(0.25, 0.5).best
    assert tomllib.loads(tune.best_as_toml("boosting", best)) == {
        "forecast": {"training": {"hyperparameters": {"boosting": {"rounds": "100"}}}}
    }


def test_progress_shows_the_best_so_far():
    assert tune.progress(state(), 9) == "0 of 9 trainings"
    assert tune.progress(state(0.25, None), 9) == "2 of 9 trainings, best 0.2500 by 0"
    assert state(None).best is None


class Machine:
    """Step Functions with nothing under way."""

    def client(self, service):
        assert service == "stepfunctions"
        return self

    def list_executions(self, **_):
        return {"executions": []}

    def start_execution(self, stateMachineArn, name, input):
        self.started = stateMachineArn, json.loads(input)
        return {"executionArn": f"arn:aws:states:eu-west-1:0:execution:retrain:{name}"}


def test_the_best_goes_to_the_gate_with_all_its_hyperparameters():
    machine = Machine()
    values = {"time_freq": "H", "rounds": "300"}
    run = tune.retrain(machine, NAMES, "boosting", values, reason="tuning job")
    arn, given = machine.started
    assert arn == NAMES.state_machine_arn(NAMES.retrain_machine)
    assert (
        given.items()
        >= {
            "algorithm": "boosting",
            "hyperparameters": values,
            "reason": "tuning job",
            "etl": False,
        }.items()
    )
    assert ":" not in run
