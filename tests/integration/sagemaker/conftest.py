"""Fixtures of tests with the commands ``lakecast models``."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial

import pytest

from localcloud.cloud.launch import LocalCloud
from tests.support.models import forecasting_lake


@pytest.fixture(scope="module")
def run(own_cloud: LocalCloud) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``lakecast models`` against `own_cloud`."""
    return partial(forecasting_lake.command, own_cloud)
