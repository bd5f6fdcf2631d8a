"""The whole way, as `make demo` takes it, in a home folder and on ports of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from localcloud.cloud.launch import find, free_port, stop

ROOT = Path(__file__).resolve().parents[2]
DAYS = 35


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("demo") / "home"
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MAKE", "COLUMNS"))
    }
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


def test_several_held_out_days_are_judged_beside_both_baselines(demo) -> None:
    home, printed = demo
    summary = json.loads((home / "evaluation/summary.json").read_text())
    origins = [datetime.fromisoformat(origin) for origin in summary["origins"]]
    assert len(origins) == 7
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(origins))
    told = next((home / "demo").glob("*-etl.log")).read_text().split()
    cut = told[told.index("cut") + 2]
    assert datetime.fromisoformat(cut) == origins[0], "training has seen what is judged"
    words = " ".join(printed.split())
    assert re.search(r"Over 7 held-out days the model's loss is 0\.\d+, against 0\.\d+ of ", words)
    assert re.search(r"\d+% of the values lie in its 80 % band", words)
    for model in ("model", "persistence", "daily seasonal naive"):
        assert model in printed


def test_the_output_fits_an_ordinary_terminal(demo) -> None:
    _, printed = demo
    tables = [line for line in printed.splitlines() if line[:1] in "┃│┏├└┡"]
    assert tables
    assert max(map(len, tables)) <= 80
    assert "What to look at next" in printed


def test_a_picture_is_drawn(demo) -> None:
    home, _ = demo
    assert (home / "evaluation/forecast.png").read_bytes().startswith(b"\x89PNG")


def test_the_cloud_keeps_answering(demo) -> None:
    home, printed = demo
    cloud = find(home)
    assert cloud is not None
    assert cloud.endpoint_url in printed
