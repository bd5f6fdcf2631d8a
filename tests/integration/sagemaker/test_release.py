"""Tests of training, deployment and invocation through AWS's API, with the real container."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from botocore.exceptions import ClientError
from forecasting.api import verification
from forecasting.api.client import Forecast
from forecasting.lake import hourly_series

from contracts.models.forecast_input import START_FORMAT
from tests.support import part_of_estate
from tests.support.models import forecasting_lake as lake
from tests.support.settings import write_changed


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    return write_changed(folder, "local", lake.SETTINGS.format(epochs=2, likelihood="student-T"))


@pytest.fixture(scope="module")
def too_early(run, settings):
    """Output of the commands before there is any data."""
    return {
        "train": run("train", "--settings", settings),
        "deploy": run("deploy", "--settings", settings),
        "forecast": run("forecast", "--device", "device-1"),
        "evaluate": run("evaluate", "--output", settings),
        "backtest": run("backtest", "--out", settings / "backtest.parquet"),
    }


@pytest.fixture(scope="module")
def trained(too_early, session, names, run, settings):
    lake.write(session, names)
    return run("train", "--settings", settings)


@pytest.fixture(scope="module")
def job(trained, session):
    assert trained.returncode == 0, trained.stdout + trained.stderr
    (summary,) = session.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    return summary["TrainingJobName"]


@pytest.fixture(scope="module")
def rollout(trained, session, names, own_cloud, tmp_path_factory):
    """The state machine that owns the endpoint, its table and log, and an empty package group."""
    log = names.machine_log_group(names.rollout_machine)
    session.client("logs").create_log_group(logGroupName=log)
    session.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=names.model_package_group
    )
    session.client("dynamodb").create_table(
        TableName=names.releases_table,
        KeySchema=[{"AttributeName": "workload", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "workload", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own_cloud.env.items():
            patch.setenv(name, value)
        part_of_estate.apply(names, tmp_path_factory.mktemp("terraform"), ("rollout_",))


@pytest.fixture(scope="module")
def deployed(job, rollout, run, settings):
    done = run("deploy", "--settings", settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def instance(device, pollutant, hours):
    return {
        "start": lake.START.strftime(START_FORMAT),
        "target": lake.values(device, pollutant)[:hours].tolist(),
        "cat": lake.INDEX.cat(device, pollutant),
    }


def invoke(session, names, instances, **options):
    answer = session.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=names.endpoint,
        ContentType="application/json",
        Body=json.dumps({"instances": instances}),
        **options,
    )
    return json.loads(answer["Body"].read())["predictions"], answer["InvokedProductionVariant"]


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("train", "make apply"),
        ("deploy", "make train"),
        ("forecast", "make apply"),
        ("evaluate", "make apply"),
        ("backtest", "make apply"),
    ],
)
def test_a_command_run_too_early_names_the_missing_step(too_early, command, step):
    finished = too_early[command]
    assert finished.returncode == 1
    assert finished.stderr.count("\n") == 1, finished.stderr
    assert step in finished.stderr


def test_the_lake_is_backtested_from_four_hours_of_each_day(trained, run, tmp_path):
    out = tmp_path / "backtest.parquet"
    rivals = ("--model", "persistence", "--baselines", "naive-24", "--jobs", 1)
    finished = run("backtest", "--out", out, *rivals)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "at 00:00, 06:00, 12:00, 18:00 UTC" in finished.stdout
    assert "persistence has" in finished.stdout
    rows = pd.read_parquet(out)
    assert set(rows["station"]) == set(lake.DEVICES)
    # 24 hours after the last day's 06:00 are not observed, so no origin is on that day.
    last = pd.Timestamp(lake.START + timedelta(days=lake.DAYS - 2, hours=18)).tz_localize(None)
    assert rows["origin"].max() == last
    assert "naive-24" in out.with_suffix(".html").read_text()


def test_training_ends_with_its_figures_and_the_next_step(trained, job):
    assert f"{job} completed: train:final_loss" in trained.stdout
    assert "test:mean_wQuantileLoss" in trained.stdout
    assert trained.stdout.rstrip().endswith("next: make deploy")


def test_the_model_and_its_categories_lie_in_the_bucket_of_models(job, session, names):
    objects = session.client("s3").list_objects_v2(
        Bucket=names.bucket("models"), Prefix=f"training/{job}/"
    )["Contents"]
    assert {item["Key"].removeprefix(f"training/{job}/") for item in objects} == {
        "categories.json",
        "output/model.tar.gz",
    }


def test_the_endpoint_answers_with_forecasts_at_each_series_level(deployed, session, names):
    instances = [instance("device-1", pollutant, 240) for pollutant in lake.POLLUTANTS]
    (ozone, carbon), variant = invoke(session, names, instances)
    assert variant == "champion"
    assert len(ozone["quantiles"]["0.5"]) == 24
    assert np.mean(ozone["mean"]) < 200 < np.mean(carbon["mean"])


def test_deploying_again_changes_nothing(deployed, session, names, run, settings):
    before = session.client("sagemaker").describe_endpoint(EndpointName=names.endpoint)
    again = run("deploy", "--settings", settings)
    assert (again.returncode, "already serves" in again.stdout) == (0, True)
    after = session.client("sagemaker").describe_endpoint(EndpointName=names.endpoint)
    assert after["EndpointConfigName"] == before["EndpointConfigName"]


def test_two_variants_answer_under_their_names(deployed, job, session, names, run, settings):
    done = run(
        "deploy", "--settings", settings, "--variant", f"a={job}:3", "--variant", f"b={job}:1"
    )
    assert done.returncode == 0, done.stderr
    for variant in ("a", "b"):
        _, answered = invoke(
            session, names, [instance("device-1", "ozone", 100)], TargetVariant=variant
        )
        assert answered == variant
    assert run("deploy", "--settings", settings).returncode == 0  # back to one variant


def test_an_unknown_category_is_the_models_refusal(deployed, session, names):
    stranger = {**instance("device-1", "ozone", 100), "cat": [7, 0]}
    with pytest.raises(ClientError, match=r"cat\[0\] must be below 2") as refused:
        invoke(session, names, [stranger])
    assert refused.value.response["Error"]["Code"] == "ModelError"


def test_the_lakes_series_are_judged_through_the_endpoint(deployed, session, names):
    found = hourly_series.read(session, names)
    assert found.end - found.start == lake.DAYS * 24 * hourly_series.HOUR

    class Endpoint:  # the API itself has its own tests
        def forecasts(self, requests):
            hours = found.position(requests[0].origin)
            predictions, variant = invoke(
                session, names, [instance(one.device_id, one.pollutant, hours) for one in requests]
            )
            return [
                Forecast(
                    one.device_id,
                    one.pollutant,
                    tuple(one.origin + number * hourly_series.HOUR for number in range(24)),
                    answer["quantiles"],
                    answer["mean"],
                    variant,
                )
                for one, answer in zip(requests, predictions, strict=True)
            ]

    result = verification.evaluate(found, Endpoint(), verification.last_days(found, 1))
    assert set(result.errors[verification.MODEL]) == {*lake.POLLUTANTS, verification.OVERALL}
    # in these series each day repeats the one before exactly, but the last value does not persist
    naive = result.errors["daily seasonal naive"][verification.OVERALL]
    assert naive.weighted_quantile_loss == pytest.approx(0, abs=1e-6)
    assert result.errors["persistence"][verification.OVERALL].weighted_quantile_loss > 0.1


def test_a_model_that_fails_to_train_is_one_line_and_1(job, run, tmp_path):
    write_changed(tmp_path, "local", lake.SETTINGS.format(epochs=1, likelihood="poisson"))
    failed = run("train", "--settings", tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "likelihood must be one of" in failed.stderr
    assert "/aws/sagemaker/TrainingJobs" in failed.stderr


def test_a_model_is_not_deployed_once_its_categories_have_changed(
    job, session, names, run, settings
):
    s3 = session.client("s3")
    lake.put_categories(
        s3, names, lake.CategoryIndex.of(("device-0", *lake.DEVICES), lake.POLLUTANTS)
    )
    refused = run("deploy", "--settings", settings)
    lake.put_categories(s3, names, lake.INDEX)
    assert refused.returncode == 1
    assert "run `make train` first" in refused.stderr
