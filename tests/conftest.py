"""Fixtures of all tests: what is made once for the whole session, when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from contracts.names import ENVIRONMENTS, Names
from infra.synthesis import synthesise
from localcloud.launch import LocalCloud, running

ACCOUNT, REGION = "123456789012", "eu-west-1"


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


def session_of(cloud: LocalCloud) -> boto3.Session:
    """A boto3 session for a cloud, whatever the environment says."""

    class Session(boto3.Session):
        def client(self, service_name, *args, **kwargs):  # type: ignore[no-untyped-def]
            kwargs.setdefault("endpoint_url", cloud.endpoint_url)
            return super().client(service_name, *args, **kwargs)

    return Session(
        aws_access_key_id=cloud.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud.env["AWS_SECRET_ACCESS_KEY"],
        region_name=cloud.env["AWS_REGION"],
    )
