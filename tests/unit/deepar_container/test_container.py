"""The container as SageMaker runs it: two programs, a folder tree and a port."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.models.deepar_bench import document, write_hyperparameters

SERIES = [document(10.0, [0, 0]), document(1000.0, [0, 1])]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_channel(base, channel, kind, rows):
    folder = base / "input" / "data" / channel
    folder.mkdir(parents=True)
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "part-0.parquet")
    elif kind == "gzip":
        (folder / "part-0.json.gz").write_bytes(gzip.compress(lines(rows).encode()))
    else:
        (folder / "part-0.json").write_text(lines(rows))


def train(container, base):
    return subprocess.run(
        [sys.executable, container / "train"],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(base)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(container, tmp_path_factory):
    """Folder trees and output of two trainings on the same series, with other formats."""
    trees = {}
    for kind, other in (("json", "gzip"), ("parquet", "parquet")):
        base = tmp_path_factory.mktemp(kind)
        write_hyperparameters(base)
        write_channel(base, "train", kind, [{**s, "target": s["target"][:-4]} for s in SERIES])
        write_channel(base, "test", other, SERIES)
        trees[kind] = base, train(container, base)
    return trees


@pytest.fixture(scope="module")
def served(container, trained):
    """Start a server of the trained model; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "SAGEMAKER_BASE_DIR": str(trained["parquet"][0]),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "DEEPAR_INFERENCE_CONFIG": '{"output_types": ["quantiles"], "quantiles": ["0.5"]}',
    }
    process = subprocess.Popen([sys.executable, container / "serve"], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while call(f"{address}/ping")[0] != 200:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer /ping"
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def call(address, body=None, content_type="application/json"):
    request = urllib.request.Request(address, body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_every_format_trains_the_same_model(trained):
    for base, finished in trained.values():
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert (base / "model" / "model.json").exists()
        assert not (base / "output" / "failure").exists()
    scores = {
        tuple(re.findall(r"#test_score .*", finished.stdout)) for _, finished in trained.values()
    }
    assert len(scores) == 1


@pytest.mark.parametrize(
    "line",
    [
        r"\[../../.... ..:..:.. INFO \d+\] #quality_metric: host=algo-1, epoch=0, train loss <",
        r"#progress_metric: host=algo-1, completed 100.0 % of epochs",
        r"#quality_metric: host=algo-1, train final_loss <loss>=[\d.]+",
        r"#test_score \(algo-1, RMSE\): [\d.]+",
        r"#test_score \(algo-1, mean_wQuantileLoss\): [\d.]+",
        r"#test_score \(algo-1, wQuantileLoss\[0.9\]\): [\d.]+",
        r"#quality_metric: host=algo-1, test mean_wQuantileLoss <loss>=[\d.]+",
    ],
)
def test_metrics_are_printed_as_deepar_prints_them(trained, line):
    assert re.search(line, trained["json"][1].stdout)


def test_training_writes_only_the_model(trained):
    base, finished = trained["json"]
    written = {path.name for path in (base / "model").iterdir()}
    assert written == {"model.json", "weights.pt"}
    assert finished.stderr == ""


def test_a_failing_training_writes_the_reason_and_exits_with_1(container, tmp_path):
    write_hyperparameters(tmp_path, likelihood="poisson")
    finished = train(container, tmp_path)
    assert finished.returncode == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert "likelihood must be one of" in failure
    assert "'poisson'" in failure
    assert "Traceback" not in finished.stdout + finished.stderr


def test_an_invalid_line_fails_the_training_and_is_named(container, tmp_path):
    write_hyperparameters(tmp_path)
    write_channel(tmp_path, "train", "json", [SERIES[0], {"start": "2024-01-01", "target": "x"}])
    finished = train(container, tmp_path)
    assert finished.returncode == 1
    assert "part-0.json, line 2: target must be" in (tmp_path / "output" / "failure").read_text()


def test_serving_without_a_model_exits_with_1_and_a_message(container, tmp_path):
    finished = subprocess.run(
        [sys.executable, container / "serve"],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 1
    assert "cannot be served" in finished.stdout
    assert "Traceback" not in finished.stderr


def test_the_endpoint_answers_in_deepars_format(served):
    body = {
        "instances": SERIES,
        "configuration": {
            "num_samples": 50,
            "output_types": ["quantiles", "mean"],
            "quantiles": ["0.1", "0.9"],
        },
    }
    status, answer = call(f"{served}/invocations", json.dumps(body).encode())
    assert status == 200
    first, second = json.loads(answer)["predictions"]
    assert [len(row) for row in first["quantiles"].values()] == [4, 4]
    assert set(first["quantiles"]) == {"0.1", "0.9"}
    assert min(second["mean"]) > max(first["mean"])


def test_batch_transform_is_configured_by_the_environment(served):
    status, answer = call(
        f"{served}/invocations", lines(SERIES).encode(), content_type="application/jsonlines"
    )
    assert status == 200
    assert [list(json.loads(line)) for line in answer.splitlines()] == [["quantiles"]] * 2


def test_execution_parameters_allow_one_batch_at_a_time(served):
    status, answer = call(f"{served}/execution-parameters")
    assert (status, json.loads(answer)["MaxConcurrentTransforms"]) == (200, 1)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"{", "application/json", 400, "must be JSON"),
        (lines([{**SERIES[0], "cat": [9, 0]}]).encode(), "application/jsonlines", 400, "cat[0]"),
        (b"1,2", "text/csv", 415, "application/json"),
        (b" " * 7_000_000, "application/json", 413, "bytes"),
    ],
)
def test_a_bad_request_is_rejected_with_a_reason(served, body, content_type, status, message):
    response = call(f"{served}/invocations", body, content_type)
    assert response[0] == status
    assert message in json.loads(response[1])["error"]


def test_only_loopback_is_bound(container):
    folders = (container, container.parent / "forecast", container.parent / "runtime")
    sources = "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    assert '"127.0.0.1"' in sources
    assert ".".join("0000") not in sources
