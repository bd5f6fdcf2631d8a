"""Measures the latency of a forecast by the API, by the endpoint alone, and by the predictor alone.

Run it with an estate that has a deployed model, for example after ``make demo``::

    .venv/bin/lakecast cloud run -- .venv/bin/python benchmarks/api.py

The three contestants forecast the same series in turns within one run, so that other load on the
machine affects all of them equally. A call of the API passes API Gateway, Lambda, history from S3,
the endpoint, and the record in DynamoDB. The predictor is the deployed model in this process,
without HTTP; it runs only if the model is this repository's DeepAR.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "sagemaker" / "src")]
CONTAINERS = ROOT / "sagemaker" / "containers"
sys.path += [str(CONTAINERS / "deepar"), str(CONTAINERS / "forecast"), str(CONTAINERS / "runtime")]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in the container
warnings.filterwarnings("ignore", module=r"(gluonts|lightning)\.")

import boto3  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from forecasting.api.client import ForecastApi, ForecastRequest  # noqa: E402
from forecasting.errors import ForecastingError  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402
from rich.table import Table  # noqa: E402

from contracts.lake.locations import RECENT, bucket_and_key  # noqa: E402
from contracts.models.forecast_input import (  # noqa: E402
    DEFAULT_QUANTILES,
    HORIZON,
    RecentHistory,
    configuration,
    instance,
)
from contracts.names import Names  # noqa: E402

WARM_UP = 5
"""Number of rounds that are not counted: the Lambda is cold, and the network has first passes."""

Contestant = Callable[[], object]


class Unavailable(Exception):  # noqa: N818
    """The estate has nothing to measure; the message says what to do."""


def series(session: Any, names: Names, device_id: str) -> tuple[str, bytes]:
    """Return a pollutant of the device, and the endpoint's request for its forecast."""
    read = session.client("s3").get_object(
        Bucket=names.bucket(RECENT.purpose), Key=f"{RECENT.prefix}{device_id}.json"
    )
    history = RecentHistory.from_json(read["Body"].read().decode())
    pollutant = next(
        name for name in history.cat if any(value is not None for value in history.target[name])
    )
    series = instance(history.first_hour, history.target[pollutant], history.cat[pollutant])
    body = {"instances": [series], "configuration": configuration(DEFAULT_QUANTILES)}
    return pollutant, json.dumps(body, allow_nan=False).encode()


def predictor(session: Any, names: Names, body: bytes) -> Contestant | None:
    """Load the deployed model in this process; None if it is not this repository's DeepAR."""
    sagemaker = session.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=names.endpoint)
    configuration = sagemaker.describe_endpoint_config(
        EndpointConfigName=endpoint["EndpointConfigName"]
    )
    model = sagemaker.describe_model(ModelName=configuration["ProductionVariants"][0]["ModelName"])
    bucket, key = bucket_and_key(model["PrimaryContainer"]["ModelDataUrl"])
    archive = session.client("s3").get_object(Bucket=bucket, Key=key)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive["Body"].read())) as files:
            files.extractall(folder, filter="data")
        if not (Path(folder) / "model.json").exists():
            return None
        import torch  # noqa: PLC0415 - seconds, and only needed here
        from deepar_container.model import DeepAR  # noqa: PLC0415
        from forecast_format.invocation import answer_json  # noqa: PLC0415

        torch.set_num_threads(1)
        loaded = DeepAR.load(Path(folder))
    return lambda: answer_json(loaded, body)


def contestants(session: Any, names: Names, device_id: str | None) -> dict[str, Contestant]:
    """Return the measured calls by name; the endpoint is the baseline of the ratios."""
    api = ForecastApi.find(session, names)
    device_id = device_id or next(iter(api.devices()), None)
    if device_id is None:
        raise Unavailable("the API knows no device: run `make device` and `make etl` first")
    pollutant, body = series(session, names, device_id)
    request = ForecastRequest(device_id, pollutant, horizon=HORIZON, quantiles=DEFAULT_QUANTILES)
    runtime = session.client("sagemaker-runtime")

    def invoke() -> object:
        return runtime.invoke_endpoint(
            EndpointName=names.endpoint, ContentType="application/json", Body=body
        )["Body"].read()

    found: dict[str, Contestant] = {
        "API (Gateway, Lambda, S3, endpoint, DynamoDB)": lambda: api.forecast(request),
        "endpoint (InvokeEndpoint)": invoke,
    }
    alone = predictor(session, names, body)
    if alone is not None:
        found["predictor (in process)"] = alone
    return found


def measure(found: dict[str, Contestant], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each call; the contestants take turns."""
    taken: dict[str, list[float]] = {name: [] for name in found}
    console = Console(stderr=True)
    for turn in track(
        range(WARM_UP + rounds), "rounds", console=console, disable=not console.is_terminal
    ):
        for name, call in found.items():
            started = time.perf_counter()
            call()
            if turn >= WARM_UP:
                taken[name].append((time.perf_counter() - started) * 1000)
    return taken


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def report(taken: dict[str, list[float]], names: Names, rounds: int) -> None:
    """Print one line per contestant, with ratios to the endpoint."""
    baseline = next(name for name in taken if name.startswith("endpoint"))
    table = Table("contestant", "p50 ms", "p99 ms", "p50 ratio", "p99 ratio")
    for name, values in taken.items():
        p50, p99 = percentile(values, 50), percentile(values, 99)
        table.add_row(
            name,
            f"{p50:.1f}",
            f"{p99:.1f}",
            f"{p50 / percentile(taken[baseline], 50):.2f}x",
            f"{p99 / percentile(taken[baseline], 99):.2f}x",
        )
    console = Console(width=100)
    console.print(
        f"one series, {HORIZON} hours, 100 samples; {rounds} calls each, one at a time; "
        f"{names.endpoint} in {names.region}; client: {os.cpu_count()} CPUs, {platform.platform()}"
    )
    console.print(table)


def main() -> int:
    """Measure and print; return 1 after an error, with one line on stderr."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200, help="calls of each contestant")
    parser.add_argument("--device", help="whose series is forecast; default: the first")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    if rounds < 2:
        parser.error(f"--rounds must be 2 at least; got {rounds}")
    session = boto3.Session()
    try:
        names = Names.from_aws(session)
        found = contestants(session, names, arguments.device)
        report(measure(found, rounds), names, rounds)
    except (Unavailable, ForecastingError, ClientError, BotoCoreError) as error:
        print(f"benchmarks/api.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
