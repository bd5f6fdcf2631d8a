"""Fixtures of tests with devices in the field."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from device.mqtt.transports import TRANSPORTS
from tests.support.device.field import Field, Observer, field_with_estate, observing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """A local cloud with what devices need of an estate."""
    with field_with_estate(tmp_path_factory.mktemp("field")) as opened:
        yield opened


@pytest.fixture
def observer(site: Field) -> Iterator[Observer]:
    """Hears all that is published."""
    with observing(site) as watching:
        yield watching


@pytest.fixture(params=TRANSPORTS)
def by(request: pytest.FixtureRequest) -> str:
    """The transport; both must keep the same promises."""
    return str(request.param)
