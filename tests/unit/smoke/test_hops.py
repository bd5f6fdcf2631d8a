"""Each hop sees its own fault, says what it found, and names the place to look at."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.lake.locations import arrival_prefix
from contracts.models.forecast_input import DEFAULT_QUANTILES, HORIZON, RecentHistory
from contracts.names import Names
from smoke.errors import HopError
from smoke.hops import api, devices, lake, models
from smoke.place import Place
from tests.support.sessions import ACCOUNT, REGION
from tests.support.settings import changed
from tests.unit.infra.preflight.answers import Answer, Answers, refusal

SENT = 3


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(
        session=Answers({}),
        names=Names("dev", ACCOUNT, REGION),
        settings=changed("dev", {"forecast": {"endpoint": {"poll_seconds": 1}}}),
        run="261201100000ab",
        started=datetime.now(UTC),
        folder=tmp_path,
        variables={},
    )
    for device in made.devices:
        summary = {"messages_sent": SENT, "left": 0, "dropped": 0}
        (tmp_path / f"{device}.json").write_text(json.dumps(summary))
    return made


def answering(place: Place, answers: dict[tuple[str, str], Answer]) -> Place:
    place.session._answers.update(answers)
    return place


def fails(work: Any, place: Place) -> tuple[str, str]:
    with pytest.raises(HopError) as caught:
        work(place)
    return caught.value.found, caught.value.where


# --- devices


def test_a_device_with_an_inactive_certificate_is_no_device(place, monkeypatch):
    monkeypatch.setattr(Place, "succeeds", lambda self, *words: "")
    arn = f"arn:aws:iot:{REGION}:{ACCOUNT}:cert/{'a' * 64}"
    answering(place, {
        ("iot", "ListThingPrincipals"): {"principals": [arn]},
        ("iot", "DescribeCertificate"): {"certificateDescription": {"status": "INACTIVE"}},
    })  # fmt: skip

    found, where = fails(devices._provision, place)

    assert "['INACTIVE']" in found
    assert "provisioning-hook" in where


def test_readings_that_were_not_acknowledged_are_a_failure(place, monkeypatch):
    def succeeds(self: Place, *words: str) -> str:
        thing = words[words.index("--thing") + 1]
        left = {"messages_sent": 2, "left": 1, "dropped": 0}
        (self.folder / f"{thing}.json").write_text(json.dumps(left))
        return ""

    monkeypatch.setattr(Place, "succeeds", succeeds)

    assert fails(devices._publish, place)[0] == "4 acknowledged, 2 waiting, 0 dropped"


def landed(place: Place, count: int) -> dict[tuple[str, str], Answer]:
    """Answers of a raw bucket with some of the run's readings, and those of another device."""
    lines = [
        {"thing_name": thing, "device_id": thing, "boot_id": "b", "sequence": number}
        for thing in (*place.devices, "harbour")
        for number in range(count)
    ]
    lines += lines[:1]  # at least once
    body = gzip.compress("".join(json.dumps(one) + "\n" for one in lines).encode(), mtime=0)
    hour = f"telemetry/{arrival_prefix(place.started)}"
    old = place.started - timedelta(days=1)

    def listed(request: dict[str, Any]) -> dict[str, Any]:
        if request["Prefix"] != hour:
            return {}
        now = {"Key": f"{hour}new", "LastModified": place.started + timedelta(seconds=1)}
        return {"Contents": [now, {"Key": f"{hour}old", "LastModified": old}]}

    def got(request: dict[str, Any]) -> dict[str, Any]:
        assert request["Key"] == f"{hour}new", "objects from before the run are not read"
        return {"Body": io.BytesIO(body)}

    return {("s3", "ListObjectsV2"): listed, ("s3", "GetObject"): got}


def test_readings_are_counted_once_and_by_device(place):
    found = devices._land(answering(place, landed(place, SENT)))

    assert found.figures == {"readings": 2 * SENT, "objects": 1}


def test_readings_that_do_not_arrive_are_a_failure(place, monkeypatch):
    monkeypatch.setattr(
        devices, "LANDING_MARGIN", -2 * place.settings.delivery.buffer_seconds - 1.0
    )

    found, where = fails(devices._land, answering(place, landed(place, SENT - 1)))

    assert found.startswith(f"{2 * SENT - 2} of {2 * SENT} readings")
    assert "kinesisfirehose" in where


# --- lake


def test_a_job_gets_the_runs_own_tables_and_the_estates_messages(place):
    found = lake.locations_of(place, "telemetry_to_parquet")

    assert found["raw_telemetry"] == f"s3://lakecast-dev-raw-{ACCOUNT}/telemetry/"
    own = f"s3://lakecast-dev-curated-{ACCOUNT}/smoke/{place.run}/"
    assert {found[name] for name in ("telemetry", "quarantine", "runs")} == {
        f"{own}telemetry/", f"{own}quarantine/", f"{own}runs/"
    }  # fmt: skip
    channels = lake.locations_of(place, "build_series")["channels"]
    assert channels == f"s3://lakecast-dev-models-{ACCOUNT}/smoke/{place.run}/channels/"


def run_of(state: str, **members: Any) -> dict[tuple[str, str], Answer]:
    return {
        ("glue", "StartJobRun"): {"JobRunId": "jr_1"},
        ("glue", "GetJobRun"): {"JobRun": {"JobRunState": state, "ExecutionTime": 70, **members}},
    }


def test_a_failed_run_of_glue_is_reported_with_its_reason_and_log(place):
    answering(place, run_of("FAILED", ErrorMessage="JobError: there\nare no readings"))

    found, where = fails(lake._series, place)

    assert found == "FAILED: JobError: there are no readings"
    assert where.endswith("stream jr_1")


def test_a_job_that_is_always_busy_is_a_failure(place, monkeypatch):
    monkeypatch.setattr(lake, "PATIENCE", -1.0)
    busy = refusal("StartJobRun", "ConcurrentRunsExceededException")

    assert (
        "was running" in fails(lake._series, answering(place, {("glue", "StartJobRun"): busy}))[0]
    )


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"kept": 5, "quarantined": 0}, "5 of 6 readings"),
        ({"kept": 6, "quarantined": 1}, "1 messages in quarantine"),
        ({"kept": None, "quarantined": None}, "0 of 6"),
    ],
    ids=["lost", "quarantined", "nothing"],
)
def test_readings_that_are_not_in_the_table_are_a_failure(place, monkeypatch, row, complaint):
    monkeypatch.setattr(lake, "_row", lambda place, run: row)

    assert complaint in fails(lake._readings, answering(place, run_of("SUCCEEDED")))[0]


def test_a_run_reads_the_runs_devices_only_and_its_metrics_are_of_no_alarm(place, monkeypatch):
    monkeypatch.setattr(lake, "_row", lambda place, run: {"kept": 6, "quarantined": 0})
    answering(place, run_of("SUCCEEDED"))

    found = lake._readings(place)

    started = next(one for _, name, one in place.session.calls if name == "StartJobRun")
    arguments = started["Arguments"]
    assert all(one.startswith(arguments["--only_devices"]) for one in place.devices)
    assert arguments["--environment"] == "dev-smoke"
    assert found.usages[0].quantity == pytest.approx(2 * 70 / 3600)  # two workers of one DPU


def test_series_of_one_device_are_a_failure(place, monkeypatch):
    counts = [("devices", 1), ("trained_series", 5)]
    monkeypatch.setattr(lake, "_row", lambda place, run: {"counts": counts})

    assert "'devices': 1" in fails(lake._series, answering(place, run_of("SUCCEEDED")))[0]


# --- models


def test_a_refused_training_job_names_the_preflight(place):
    error = refusal("CreateTrainingJob", "ResourceLimitExceeded", "the limit is 0 Instances")
    answering(place, {("sagemaker", "CreateTrainingJob"): error})

    found, where = fails(models._train, place)

    assert "the limit is 0 Instances" in found
    assert where.startswith("`make preflight ENV=dev`")


def test_a_failed_training_job_is_reported_with_its_reason(place):
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/x"
    described = {
        "TrainingJobName": "x", "TrainingJobArn": arn, "TrainingJobStatus": "Failed",
        "FailureReason": "AlgorithmError: no data",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://x"}, "SecondaryStatus": "Failed",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 1}, "StoppingCondition": {},
        "CreationTime": place.started,
    }  # fmt: skip
    answering(place, {
        ("sagemaker", "CreateTrainingJob"): {"TrainingJobArn": arn},
        ("sagemaker", "DescribeTrainingJob"): described,
    })  # fmt: skip

    assert fails(models._train, place)[0] == "Failed: AlgorithmError: no data"


HISTORY = RecentHistory("x", "2026-11-01 00:00:00", {"ozone": [1.0, None]}, {"ozone": [0, 0]})
GOOD = {level: [float(level)] * HORIZON for level in DEFAULT_QUANTILES}


@pytest.mark.parametrize(
    ("quantiles", "complaint"),
    [
        ({level: values[:-1] for level, values in GOOD.items()}, "23 hours"),
        (GOOD | {"0.1": [5.0] * HORIZON}, "24 hours"),
        ({"0.5": [1.0] * HORIZON}, "no forecast: KeyError '0.1'"),
    ],
    ids=["short", "unordered", "missing"],
)
def test_a_forecast_that_is_none_is_a_failure(place, monkeypatch, quantiles, complaint):
    monkeypatch.setattr(models, "recent_history", lambda place, device: HISTORY)
    body = json.dumps({"predictions": [{"quantiles": quantiles}]}).encode()
    invoked = {"Body": io.BytesIO(body)}
    answering(place, {("sagemaker-runtime", "InvokeEndpoint"): invoked})

    assert fails(models._forecast, place)[0].startswith(complaint)


def test_the_forecast_is_requested_from_the_runs_own_endpoint(place, monkeypatch):
    monkeypatch.setattr(models, "recent_history", lambda place, device: HISTORY)
    body = json.dumps({"predictions": [{"quantiles": GOOD}]}).encode()
    answering(place, {("sagemaker-runtime", "InvokeEndpoint"): {"Body": io.BytesIO(body)}})

    assert models._forecast(place).text.startswith("24 hours in ")
    (call,) = place.session.calls
    assert call[2]["EndpointName"] == place.model != place.names.endpoint


# --- the API


@pytest.mark.parametrize(
    ("said", "served", "outcome"),
    [
        ("", True, "a forecast of the served model"),
        ("lakecast models forecast: the API answered 503 to GET: no", False, "503, because no"),
        ("lakecast models forecast: the API answered 503 to GET: no", True, None),
        ("lakecast models forecast: the API answered 403 to GET: no", False, None),
    ],
    ids=["200", "503 without a model", "503 with a model", "403"],
)
def test_the_api_may_answer_503_only_while_no_model_is_served(
    place, monkeypatch, said, served, outcome
):
    monkeypatch.setattr(api, "recent_history", lambda place, device: HISTORY)
    done: subprocess.CompletedProcess[str] = subprocess.CompletedProcess(
        [], 1 if said else 0, "", said
    )
    monkeypatch.setattr(Place, "verb", lambda self, *words: done)
    missing = refusal("DescribeEndpoint", "ValidationException", "Could not find endpoint")
    described = {
        "EndpointName": "x", "EndpointArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/x",
        "EndpointStatus": "InService", "CreationTime": place.started,
        "LastModifiedTime": place.started,
    }  # fmt: skip
    answering(place, {
        ("s3", "PutObject"): {},
        ("s3", "DeleteObject"): {},
        ("sagemaker", "DescribeEndpoint"): described if served else missing,
    })  # fmt: skip

    if outcome is None:
        assert fails(api._api, place)[0] == said
    else:
        found = api._api(place)
        assert found.text.startswith(outcome)
        assert found.skipped == (not served)
    objects = [request for service, _, request in place.session.calls if service == "s3"]
    assert {one["Key"] for one in objects} == {f"recent/{place.devices[0]}.json"}
    assert len(objects) == 2, "the history is removed at once"
