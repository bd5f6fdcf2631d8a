"""Fixtures of all tests: what is made once for the whole session, when first asked for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from filelock import FileLock

from contracts.names import ENVIRONMENTS, Names
from infra.estate.synthesis import synthesise
from lakecast.__main__ import PREFIX
from localcloud.cloud.launch import LocalCloud, running
from tests.support.sessions import ACCOUNT, REGION, session_of

KEPT_VARIABLES = ("LAKECAST_DATA", "LAKECAST_TERRAFORM", "LAKECAST_TERRAFORM_MIRROR")


def pytest_configure() -> None:
    """Forget options of verbs that a shell or make has set; tests give their own."""
    for name in list(os.environ):
        if name.startswith(PREFIX) and name not in KEPT_VARIABLES:
            del os.environ[name]


@pytest.fixture(autouse=True)
def restored_loggers() -> Iterator[None]:
    """Undo what a test, or a library that it uses, changes in the loggers of this process."""
    loggers = logging.root.manager.loggerDict.values()
    found = [
        (one, one.disabled, one.propagate, one.level, one.handlers[:])
        for one in (logging.root, *loggers)
        if isinstance(one, logging.Logger)
    ]
    yield
    for logger, disabled, propagate, level, handlers in found:
        logger.disabled, logger.propagate = disabled, propagate
        if logger.level != level:
            logger.setLevel(level)
        logger.handlers[:] = handlers


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
    """Folder with the Terraform of every environment, as it would be in AWS's example account.

    Synthesis takes half a minute of CPU time, so processes of pytest-xdist share one. Tests only
    read it.
    """
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if parallel else base) / "synth"
    with FileLock(f"{folder}.lock"):
        if not (done := folder / ".done").exists():
            synthesise(ENVIRONMENTS, Names("local", ACCOUNT, REGION), folder)
            done.touch()
    return folder
