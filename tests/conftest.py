"""Fixtures of all tests: what is made once for the whole session, when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from contracts.names import ENVIRONMENTS, Names
from infra.estate.synthesis import synthesise
from localcloud.cloud.launch import LocalCloud, running
from tests.support.sessions import ACCOUNT, REGION, session_of


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud on free ports, with a home folder of its own."""
    with running(home=tmp_path_factory.mktemp("cloud")) as started:
        yield started


@pytest.fixture(scope="session")
def aws(cloud: LocalCloud) -> boto3.Session:
    """A session whose clients speak to `cloud` as its administrator."""
    return session_of(cloud)


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the Terraform of every environment, as it would be in AWS's example account."""
    folder = tmp_path_factory.mktemp("synth")
    synthesise(ENVIRONMENTS, Names("local", ACCOUNT, REGION), folder)
    return folder
