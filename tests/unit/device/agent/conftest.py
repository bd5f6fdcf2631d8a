"""Fixtures of the agent's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from device.outbox.store import Outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3") as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_pause_before_publishing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.agent.publishing.RETRY_SECONDS", 0.0)
