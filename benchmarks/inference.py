"""Compares the container's inference with GluonTS's predictor, with a network of the same size.

It needs no estate. A model is trained briefly on generated series, because the training does not
affect the cost of a forecast. Three contestants then forecast the same series in turns within one
run, so that other load on the machine affects all of them equally:

- GluonTS's predictor in this process, from `DeepAREstimator.create_predictor`: the baseline;
- the container's model in this process;
- the container over HTTP, as SageMaker calls it.

``benchmarks/api.py`` measures the forecast API and the endpoint.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

CONTAINER = Path(__file__).resolve().parents[1] / "sagemaker" / "containers" / "deepar"
sys.path[:0] = [str(CONTAINER), *(str(CONTAINER.parent / part) for part in ("forecast", "runtime"))]
warnings.filterwarnings("ignore", module=r"(gluonts|lightning)\.")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import urllib3  # noqa: E402
from deepar_container import training  # noqa: E402
from deepar_container.hyperparameters import Hyperparameters  # noqa: E402
from deepar_container.model import DeepAR, ModelSettings  # noqa: E402
from forecast_format.invocation import answer_json  # noqa: E402
from forecast_format.series import Series  # noqa: E402
from gluonts.torch import DeepAREstimator  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from contracts.models.forecast_input import DEFAULT_QUANTILES  # noqa: E402

HYPERPARAMETERS = {
    "time_freq": "H",
    "context_length": "72",
    "prediction_length": "24",
    "epochs": "1",
    "mini_batch_size": "64",
}
HISTORY = 61 * 24  # hours, as in the API's requests
START_TIMEOUT = 60.0
WARM_UP = 3


def documents(count: int) -> list[dict[str, object]]:
    """Generate series with a daily cycle, in the format of a request."""
    random = np.random.default_rng(1)
    cycle = 30 * (1.2 + np.sin(2 * np.pi * np.arange(HISTORY) / 24))
    return [
        {
            "start": "2024-01-01 00:00:00",
            "target": (cycle * random.gamma(20, 1 / 20, HISTORY)).tolist(),
            "cat": [number % 8, number % 5],
        }
        for number in range(count)
    ]


def train(series: Sequence[Series]) -> DeepAR:
    """Train a model for one epoch."""
    settings = training.settings_for(Hyperparameters.parse(HYPERPARAMETERS), series)
    fitted = training.fit(settings, series, lambda epoch, loss: None)
    return DeepAR(settings, fitted.weights)


def gluonts_contestant(settings: ModelSettings) -> Callable[[list[dict[str, object]]], None]:
    """Return a forecast by GluonTS's predictor, from a request's objects to its quantiles."""
    hyperparameters, features = settings.hyperparameters, settings.features
    built = DeepAREstimator(
        freq=hyperparameters.frequency,
        prediction_length=hyperparameters.prediction_length,
        context_length=hyperparameters.context_length,
        num_layers=hyperparameters.num_layers,
        hidden_size=hyperparameters.num_cells,
        num_feat_static_cat=len(features.cardinality),
        cardinality=list(features.cardinality),
        embedding_dimension=[hyperparameters.embedding_dimension] * len(features.cardinality),
        nonnegative_pred_samples=settings.is_nonnegative,
    )
    module = built.create_lightning_module().eval()
    predictor = built.create_predictor(built.create_transformation(), module)

    def forecast(instances: list[dict[str, object]]) -> None:
        series = [Series.parse(one, hyperparameters.frequency) for one in instances]
        entries = [
            {"start": one.start, "target": one.target, "feat_static_cat": list(one.cat)}
            for one in series
        ]
        for found in predictor.predict(entries):
            _ = found.mean, [found.quantile(level) for level in DEFAULT_QUANTILES]

    return forecast


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Start the container's server for the model in ``folder/model``; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(CONTAINER / "serve")],
        stdout=subprocess.DEVNULL,
        env={
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(folder),
            "SAGEMAKER_BIND_TO_PORT": str(port),
        },
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not _answers(f"{address}/ping"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("inference: the container did not start")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, retries=False, timeout=1).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def measure(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Return the seconds of every call; the contestants take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(WARM_UP + rounds):
        for name, call in contestants.items():
            started = time.perf_counter()
            call()
            if round_ >= WARM_UP:
                seconds[name].append(time.perf_counter() - started)
    return {name: np.array(values) for name, values in seconds.items()}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60, help="calls of each contestant")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as in the container
    console = Console()
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}, one thread; 2 layers of 40 cells, context 72 h, "
        f"{HISTORY} h of history, 100 samples of 24 h"
    )
    series = [Series.parse(one, "h") for one in documents(40)]
    model = train(series)
    gluonts = gluonts_contestant(model.settings)
    table = Table()
    for column in ("series per call", "contestant", "p50 ms", "p99 ms", "GluonTS / it at p50"):
        table.add_column(column, justify="right" if column != "contestant" else "left")
    pool = urllib3.PoolManager(retries=False)
    with tempfile.TemporaryDirectory(prefix="lakecast-bench-") as folder:
        model.save(Path(folder) / "model")
        with served(Path(folder)) as address, console.status("measuring"):
            for count, rounds in ((1, options.rounds), (50, max(5, options.rounds // 6))):
                instances = documents(count)
                body = json.dumps(
                    {"instances": instances, "configuration": {"quantiles": DEFAULT_QUANTILES}},
                    allow_nan=False,
                ).encode()

                def post(body: bytes = body) -> None:
                    answer = pool.request(
                        "POST",
                        f"{address}/invocations",
                        body=body,
                        headers={"Content-Type": "application/json"},
                    )
                    if answer.status != 200:
                        raise SystemExit(f"inference: {answer.data.decode()}")

                found = measure(
                    {
                        "GluonTS predictor": lambda i=instances: gluonts(i),  # type: ignore[misc]
                        "container's model": lambda b=body: answer_json(model, b),  # type: ignore[misc]
                        "container over HTTP": post,
                    },
                    rounds,
                )
                baseline = np.median(found["GluonTS predictor"])
                for name, seconds in found.items():
                    p50, p99 = np.percentile(seconds * 1e3, [50, 99])
                    ratio = f"{baseline / np.median(seconds):.2f}"
                    table.add_row(str(count), name, f"{p50:.1f}", f"{p99:.1f}", ratio)
                table.add_section()
    console.print(table)


if __name__ == "__main__":
    main()
