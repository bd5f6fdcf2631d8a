"""No operation or member of Glue is ignored: each is used, stored or refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.core.responses import request_scope

from localcloud.cloud.aws_shapes import service_model
from localcloud.cloud.context import CloudContext
from localcloud.cloud.member_classes import REFUSED
from localcloud.services.glue.members import classes
from localcloud.services.glue.service import Glue
from tests.support.models.sagemaker_requests import value

MODEL = service_model("glue")
CLASSES = classes()
OPERATIONS = sorted(CLASSES.tables)
ACCOUNT, REGION = "000000000000", "eu-west-1"


@pytest.fixture(scope="module")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Calls an operation of the service without a cloud around it."""
    home = tmp_path_factory.mktemp("glue")
    service = Glue(
        CloudContext(
            home=home,
            endpoint_url="http://127.0.0.1:1",
            region=REGION,
            account_id=ACCOUNT,
            project=home,
            python=Path(),
            environment={},
        )
    )

    def call(operation: str, **request: Any) -> dict[str, Any]:
        headers = {"x-amz-target": f"AWSGlue.{operation}"}
        handler = service.handlers["glue"]
        with request_scope(ACCOUNT, REGION):
            answer = asyncio.run(handler("POST", "/", headers, json.dumps(request).encode(), {}))
        document = json.loads(answer[2] or b"{}")
        assert answer[0] in (200, 400), document
        return {**document, "status": answer[0]}

    yield call
    service._store.close()


def members(operation: str) -> dict[str, Any]:
    shape: Any = MODEL.operation_model(operation).input_shape
    return dict(shape.members)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_other_members_are_refused(glue: Any, operation: str) -> None:
    for name, shape in members(operation).items():
        if CLASSES.find(operation, name)[0] == REFUSED and not CLASSES.is_above(operation, name):
            answer = glue(operation, **{name: value(shape)})
            assert answer["__type"] == "InvalidInputException"
            assert f"does not support {name}" in answer["message"]


def test_an_empty_list_has_no_effect_and_passes(glue: Any) -> None:
    answer = glue("CreateTable", DatabaseName="x", PartitionIndexes=[], TableInput={"Name": "x"})
    assert answer["__type"] == "EntityNotFoundException"


def test_operations_that_are_not_served_are_refused(glue: Any) -> None:
    for operation in set(MODEL.operation_names) - set(OPERATIONS):
        assert glue(operation)["__type"] == "UnknownOperationException"


def test_another_catalogue_does_not_exist(glue: Any) -> None:
    answer = glue("GetDatabases", CatalogId="111111111111")
    assert answer["__type"] == "EntityNotFoundException"
    assert glue("GetDatabases", CatalogId=ACCOUNT)["status"] == 200
