"""The local Service Quotas and Cost Explorer answer as the models of AWS's say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud.aws_api import Handler
from localcloud.cloud.aws_shapes import service_model
from localcloud.cloud.context import CloudContext
from localcloud.server.admission import validated
from localcloud.services.costexplorer.service import CostExplorer
from localcloud.services.servicequotas.service import ServiceQuotas

Call = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def context(tmp_path: Path) -> CloudContext:
    return CloudContext(
        tmp_path, "http://127.0.0.1:1", "eu-west-1", "000000000000", tmp_path, tmp_path, {}
    )


def caller(service: str, handler: Handler) -> Call:
    handler = validated((service,), handler)
    prefix = service_model(service).metadata["targetPrefix"]

    def call(operation: str, **request: Any) -> tuple[int, dict[str, Any]]:
        headers = {"x-amz-target": f"{prefix}.{operation}"}
        status, _, body = asyncio.run(
            handler("POST", "/", headers, json.dumps(request).encode(), {})
        )
        return status, json.loads(body)

    return call


@pytest.fixture
def quotas(context) -> Call:
    return caller("service-quotas", ServiceQuotas(context).handlers["servicequotas"])


@pytest.fixture
def costs(context) -> Call:
    return caller("ce", CostExplorer(context).handlers["ce"])


def test_quotas_are_listed_page_by_page(quotas):
    status, whole = quotas("ListServiceQuotas", ServiceCode="sagemaker")
    assert status == 200
    pages, token = [], {}
    while True:
        _, page = quotas("ListServiceQuotas", ServiceCode="sagemaker", MaxResults=5, **token)
        pages += page["Quotas"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}

    assert pages == whole["Quotas"]
    assert "ml.m5.large for endpoint usage" in {one["QuotaName"] for one in pages}
    assert len({one["QuotaCode"] for one in pages}) == len(pages)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"ServiceCode": "ec2"}, "NoSuchResourceException"),
        ({"ServiceCode": "glue", "NextToken": "x"}, "InvalidPaginationTokenException"),
        ({"ServiceCode": "glue", "QuotaCode": "L-1"}, "IllegalArgumentException"),
        ({}, "ValidationException"),
    ],
    ids=["service", "token", "filter", "no service"],
)
def test_what_the_local_quotas_cannot_answer_is_refused(quotas, request_, code):
    status, answer = quotas("ListServiceQuotas", **request_)

    assert (status, answer["__type"]) == (400, code)


def test_a_tag_is_listed_after_its_status_was_set(costs):
    assert costs("ListCostAllocationTags")[1] == {"CostAllocationTags": []}

    for key, status in (("environment", "Active"), ("owner", "Inactive")):
        answer = costs(
            "UpdateCostAllocationTagsStatus",
            CostAllocationTagsStatus=[{"TagKey": key, "Status": status}],
        )
        assert answer == (200, {"Errors": []})

    def listed(**request: Any) -> list[str]:
        return [
            tag["TagKey"]
            for tag in costs("ListCostAllocationTags", **request)[1]["CostAllocationTags"]
        ]

    assert listed() == ["environment", "owner"]
    assert listed(Status="Active") == ["environment"]
    assert listed(TagKeys=["owner"]) == ["owner"]
    assert listed(Type="AWSGenerated") == []
    assert costs("ListCostAllocationTags", NextToken="x")[0] == 400
    assert costs("ListCostAllocationTags", MaxResults=1)[0] == 400
    assert costs("ListCostAllocationTags", Status="On")[0] == 400
