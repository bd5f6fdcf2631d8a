"""Fixtures of a local cloud that one module has for itself.

Its names are free there, and it may remove or change what other modules need.
"""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from contracts.names import Names
from localcloud.cloud.launch import LocalCloud, running
from tests.support.sessions import session_of


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud on free ports, with a home folder of its own."""
    with running(home=tmp_path_factory.mktemp("own-cloud")) as started:
        yield started


@pytest.fixture(scope="module")
def session(own_cloud: LocalCloud) -> boto3.Session:
    """A session whose clients speak to `own_cloud` as its administrator."""
    return session_of(own_cloud)


@pytest.fixture(scope="module")
def names(session: boto3.Session) -> Names:
    """Names of the estate ``local`` in `own_cloud`."""
    return Names.from_aws(session, "local")
