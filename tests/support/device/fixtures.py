"""Fixtures of tests with devices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from device.mqtt.transports import TRANSPORTS
from tests.support.device.field import Field, Observer, field_with_estate, observing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Start a local cloud with the estate's resources for devices."""
    with field_with_estate(tmp_path_factory.mktemp("field")) as opened:
        yield opened


@pytest.fixture
def observer(site: Field) -> Iterator[Observer]:
    """Start an observer of all published messages."""
    with observing(site) as watching:
        yield watching


@pytest.fixture(params=TRANSPORTS)
def by(request: pytest.FixtureRequest) -> str:
    """Return the transport; both must behave the same."""
    return str(request.param)
