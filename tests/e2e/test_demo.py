"""The whole way, as `make demo` takes it, in a home folder and on ports of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.cloud.launch import find, free_port, stop

ROOT = Path(__file__).resolve().parents[2]
DAYS = 35


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("demo") / "home"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MAKE"))}
    result = subprocess.run(
        [
            *(sys.executable, "-m", "lakecast", "cloud", "demo", "--state", home),
            *("--days", str(DAYS)),
            *("--port", str(free_port()), "--mqtt-port", str(free_port())),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    cloud = find(home)
    try:
        assert result.returncode == 0, result.stdout + result.stderr
        yield home, result.stdout
    finally:
        if cloud is not None:
            stop(cloud.config)


def test_every_message_that_was_sent_is_in_the_lake_once(demo) -> None:
    home, printed = demo
    sent = json.loads((home / "demo/fleet.json").read_text())["messages_sent"]
    assert 0.95 * 6 * DAYS * 24 < sent <= 6 * DAYS * 24  # stations fall silent now and then
    assert f"{sent:,} readings = messages sent" in printed
    assert "quarantined: 1 missing_time, 1 not_json, 1 wrong_type" in printed


def test_the_forecast_is_judged_beside_both_baselines(demo) -> None:
    home, printed = demo
    summary = json.loads((home / "evaluation/summary.json").read_text())
    assert summary
    for model in ("model", "persistence", "daily seasonal naive"):
        assert model in printed


def test_a_picture_is_drawn(demo) -> None:
    home, _ = demo
    assert (home / "evaluation/forecast.png").read_bytes().startswith(b"\x89PNG")


def test_the_cloud_goes_on_answering(demo) -> None:
    home, printed = demo
    cloud = find(home)
    assert cloud is not None
    assert cloud.endpoint_url in printed
