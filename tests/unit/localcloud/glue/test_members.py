"""No operation or member of Glue is ignored: each is used, stored or refused."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from ministack.core.responses import request_scope
from ministack.services import glue as ministack_glue

import localcloud.services.glue as package
from localcloud.cloud.aws_shapes import service_model
from localcloud.cloud.context import CloudContext
from localcloud.cloud.member_classes import KINDS, REFUSED
from localcloud.services.glue.members import classes
from localcloud.services.glue.service import Glue
from tests.support.models.sagemaker_requests import value

MODEL = service_model("glue")
CLASSES = classes()
OPERATIONS = sorted(CLASSES.tables)
ACCOUNT, REGION = "000000000000", "eu-west-1"
STORES_ALL = {"CreateJob"}
"""Operations that store all members without naming them."""


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
def test_table_names_members_of_the_model(operation: str) -> None:
    table = CLASSES.tables[operation]
    assert {*table.classes, *table.only, *table.like} <= set(members(operation))
    assert set(table.classes.values()) <= set(KINDS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_supported_members_are_read_by_the_code_that_serves_them(operation: str) -> None:
    ours = "".join(path.read_text() for path in Path(package.__file__).parent.rglob("*.py"))
    theirs = getattr(ministack_glue, f"_{xform_name(operation)}", None)
    is_ours = f"def {xform_name(operation)}(" in ours
    assert is_ours or theirs is not None, "nothing serves it"
    source = ours + (inspect.getsource(theirs) if theirs else "")
    table = CLASSES.tables[operation]
    for name, kind in table.classes.items():
        if name in table.only or (kind == "stored" and operation in STORES_ALL):
            continue
        assert f'"{name}"' in source, name


@pytest.mark.parametrize("operation", OPERATIONS)
def test_other_members_are_refused(glue: Any, operation: str) -> None:
    for name, shape in members(operation).items():
        if CLASSES.find(operation, name)[0] == REFUSED:
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
