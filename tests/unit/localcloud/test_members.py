"""Tables of request members agree with the model and the code, and unsupported members are refused.

Glue and SageMaker have further tests of their tables in their own folders.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore import xform_name
from botocore.model import ListShape, Shape
from ministack.services import cloudwatch as ministack_cloudwatch
from ministack.services import firehose as ministack_firehose
from ministack.services import glue as ministack_glue
from ministack.services import stepfunctions as ministack_stepfunctions

import localcloud.services as package
from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.aws_shapes import operation_model
from localcloud.cloud.member_classes import REFUSED
from localcloud.services.cloudwatch import members as cloudwatch
from localcloud.services.cloudwatch import protocols
from localcloud.services.firehose import checks as firehose
from localcloud.services.glue import members as glue
from localcloud.services.sagemaker import members as sagemaker
from localcloud.services.stepfunctions import members as stepfunctions
from localcloud.services.stepfunctions.service import api

CLASSES = {
    "cloudwatch": cloudwatch.classes(),
    "firehose": firehose.classes(),
    "glue": glue.classes(),
    "sagemaker": sagemaker.classes(),
    "stepfunctions": stepfunctions.classes(),
}
MINISTACK: dict[str, Any] = {
    "cloudwatch": ministack_cloudwatch,
    "firehose": ministack_firehose,
    "glue": ministack_glue,
    "stepfunctions": ministack_stepfunctions,
}
"""Modules that serve operations which the local cloud does not replace."""
NOT_NAMED = {
    ("cloudwatch", "PutMetricAlarm", "Tags"),  # read by a function for all requests with tags
    ("cloudwatch", "PutCompositeAlarm", "Tags"),
    ("firehose", "DescribeDeliveryStream", "Limit"),  # any limit returns the only destination
    *(
        ("glue", "CreateJob", path)  # the definition is stored as a whole
        for path, kind in CLASSES["glue"].tables["CreateJob"].classes.items()
        if kind == "stored"
    ),
}
"""Members that the code supports without naming them."""
CODES = {
    "cloudwatch": "ValidationError",
    "firehose": "InvalidArgumentException",
    "glue": "InvalidInputException",
    "sagemaker": "ValidationException",
    "stepfunctions": "ValidationException",
}


def operations(*services: str) -> list[tuple[str, str]]:
    return [(service, name) for service in services for name in sorted(CLASSES[service].tables)]


def input_shape(service: str, operation: str) -> Any:
    return operation_model(service, operation).input_shape


def members_of(shape: Any) -> dict[str, Shape]:
    while isinstance(shape, ListShape):
        shape = shape.member
    return dict(shape.members)


def at(shape: Any, path: str) -> Any:
    """Returns the shape of a member; raises KeyError if the model has no such member."""
    for name in filter(None, path.split(".")):
        shape = members_of(shape)[name]
    return shape


def paths(service: str, operation: str) -> Iterator[str]:
    """Yields the operation's members, and the members beside each member that the table names."""
    table, shape = CLASSES[service].tables[operation], input_shape(service, operation)
    for above in sorted({path.rpartition(".")[0] for path in table.classes} | {*table.like, ""}):
        for name in members_of(at(shape, above)):
            yield f"{above}.{name}" if above else name


def request_of(shape: Any, path: str, given: Any) -> Any:
    if isinstance(shape, ListShape):
        return [request_of(shape.member, path, given)]
    if not path:
        return given
    name, _, rest = path.partition(".")
    return {name: request_of(shape.members[name], rest, given)}


@pytest.mark.parametrize(("service", "operation"), operations(*CLASSES))
def test_every_path_of_a_table_is_in_the_model(service: str, operation: str) -> None:
    table, shape = CLASSES[service].tables[operation], input_shape(service, operation)
    for path in {*table.classes, *table.like}:
        at(shape, path)
    for path, only in table.only.items():
        assert set(only) <= set(getattr(at(shape, path), "enum", None) or only), path


@pytest.mark.parametrize(
    ("service", "operation"), operations("cloudwatch", "firehose", "glue", "stepfunctions")
)
def test_supported_members_are_read_by_the_code(service: str, operation: str) -> None:
    folder = Path(package.__file__).parent / service
    ours = "".join(path.read_text() for path in folder.rglob("*.py"))
    theirs = getattr(MINISTACK[service], f"_{xform_name(operation)}", None)
    is_ours = f"def {xform_name(operation)}(" in ours
    assert is_ours or theirs is not None, "nothing serves it"
    source = ours + (inspect.getsource(theirs) if theirs else "")
    table = CLASSES[service].tables[operation]
    for path in table.classes:
        if path not in table.only and (service, operation, path) not in NOT_NAMED:
            assert f'"{path.rpartition(".")[2]}"' in source, path


@pytest.mark.parametrize(("service", "operation"), operations(*CODES))
def test_other_members_and_values_are_refused(service: str, operation: str) -> None:
    for path in paths(service, operation):
        found, only = CLASSES[service].find(operation, path)
        is_above = CLASSES[service].is_above(operation, path)
        if (found == REFUSED and not is_above) or only is not None:
            request = request_of(input_shape(service, operation), path, {})
            code, message = refusal(service, operation, request)
            assert code == CODES[service]
            assert f"The local cloud does not support {path}" in message
            assert message.endswith(f" in {operation}.")


def refusal(service: str, operation: str, request: Any) -> tuple[str, str]:
    """Returns the code and the message with which the service refuses a request."""
    checks = {
        "firehose": lambda: firehose.check(operation, request, "000000000000", "eu-west-1"),
        "glue": lambda: glue.check(operation, request, "000000000000"),
        "sagemaker": lambda: CLASSES[service].check(
            operation, input_shape(service, operation), request
        ),
    }
    if service in checks:
        with pytest.raises(AwsError) as error:
            checks[service]()
        return error.value.code, error.value.message
    if service == "cloudwatch":
        answer = protocols.adapted(operation, accepted)({}, request, False, is_json=True)
    else:
        families: Any = type("Accepting", (), {xform_name(operation): staticmethod(accepted)})()
        headers = {"x-amz-target": f"AWSStepFunctions.{operation}"}
        body = json.dumps(request).encode()
        answer = asyncio.run(api(families, families)("POST", "/", headers, body, {}))
    document = json.loads(answer[2])
    return str(document["__type"]), str(document["message"])


def accepted(request: Any) -> NoReturn:
    raise AssertionError(f"{request} was not refused")


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("firehose", "UpdateDestination", {"S3DestinationUpdate": {}}),
        ("firehose", "UpdateDestination", {"S3DestinationUpdate": {"S3BackupMode": "Disabled"}}),
        ("glue", "UpdateJob", {"JobName": "job", "JobUpdate": {}}),
        ("firehose", "DeleteDeliveryStream", {"AllowForceDelete": False}),
        ("cloudwatch", "PutMetricData", {"EntityMetricData": [], "StrictEntityValidation": False}),
        ("stepfunctions", "CreateStateMachine", {"type": "STANDARD"}),
    ],
)
def test_values_that_ask_for_nothing_more_are_accepted(
    service: str, operation: str, request_: dict[str, Any]
) -> None:
    CLASSES[service].check(operation, input_shape(service, operation), request_)
