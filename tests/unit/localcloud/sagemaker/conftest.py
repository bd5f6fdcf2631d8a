"""Fixtures of tests of the service without a cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.models.sagemaker_service import Service, service_without_a_cloud


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a model, a model package group and a role that it can assume."""
    with service_without_a_cloud(tmp_path_factory.mktemp("service")) as made:
        yield made
