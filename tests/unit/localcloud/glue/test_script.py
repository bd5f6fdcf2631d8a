"""Tests of the script's process: Spark's settings and failure messages in one line."""

from __future__ import annotations

import itertools
import json
import shlex
from pathlib import Path

import pytest

from localcloud.services.glue.runs import script_runner
from localcloud.services.glue.runs.script_process import submit_arguments
from localcloud.services.glue.staging import StagingError


def settings(conf: str) -> dict[str, str]:
    words = shlex.split(submit_arguments(conf, Path("/scratch")))
    assert words[-1] == "pyspark-shell"
    pairs = [after for word, after in itertools.pairwise(words) if word == "--conf"]
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_jobs_own_settings_override_the_defaults() -> None:
    default = settings("")["spark.sql.shuffle.partitions"]
    given = settings("spark.sql.shuffle.partitions=77 --conf spark.a=b=c d")
    assert default != "77"
    assert (given["spark.sql.shuffle.partitions"], given["spark.a"]) == ("77", "b=c d")


def test_spark_listens_on_loopback_only() -> None:
    assert settings("")["spark.driver.bindAddress"] == "127.0.0.1"
    assert settings("")["spark.ui.enabled"] == "false"


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(StagingError, match="expected --conf in the form name=value; got 'spark'"):
        settings("spark")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; assert sys.argv[1:] == ['--a', 'b c']", None),
        ("import sys; sys.exit(0)", None),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import sys; sys.exit('JobError: no data')", "JobError: no data"),
        ("{}['key']", "KeyError: 'key'"),
        ("raise ValueError('a\\n\\tat java.lang\\nb')", "ValueError: a b"),
        ("this is no Python", "SyntaxError"),
    ],
)
def test_a_script_succeeds_or_reports_why_it_failed(
    tmp_path: Path, script: str, message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [])
    path, failure = tmp_path / "script.py", tmp_path / "failure.json"
    path.write_text(script)
    assert script_runner.main(failure, str(path), ["--a", "b c"]) == (message is not None)
    if message is None:
        assert not failure.exists()
    else:
        assert message in json.loads(failure.read_text())["message"]
