"""Tests of fault injection by a file in the home folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.services.firehose import faults
from localcloud.services.firehose.faults import Faults, FaultSwitch


@pytest.fixture(autouse=True)
def check_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "CHECK_SECONDS", 0.0)


def test_without_a_file_there_are_no_faults(tmp_path: Path) -> None:
    switch = FaultSwitch(tmp_path)
    assert switch.faults == Faults()
    assert switch.delay() == 0
    assert not any(switch.happens(switch.faults.refuse) for _ in range(100))


def test_faults_occur_while_the_file_exists(tmp_path: Path) -> None:
    switch = FaultSwitch(tmp_path)
    Faults(refuse=1.0, delay_seconds=3).order(tmp_path)
    assert switch.happens(switch.faults.refuse)
    assert 0 <= switch.delay() <= 3
    Faults(refuse=0.5).order(tmp_path)
    assert 300 < sum(switch.happens(switch.faults.refuse) for _ in range(1000)) < 700
    (tmp_path / faults.FILE).unlink()
    assert switch.faults == Faults()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"refuse": 2}', '{"refuse": "x"}', '{"a": 1}'])
def test_an_invalid_file_changes_nothing(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    switch = FaultSwitch(tmp_path)
    valid = Faults(deliver_twice=0.5)
    valid.order(tmp_path)
    assert switch.faults == valid
    (tmp_path / faults.FILE).write_text(text)
    assert switch.faults == valid
    assert "stay in force" in caplog.text
