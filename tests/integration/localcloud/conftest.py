"""Fixtures of tests with small containers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.models.sagemaker_testbed import Studio, cloud_with_tiny_containers


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A cloud with the containers in tests/containers, and a bucket and a role for jobs."""
    with cloud_with_tiny_containers(tmp_path_factory.mktemp("studio")) as cloud:
        yield Studio(cloud).prepare()
