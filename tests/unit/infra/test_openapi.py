from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft4Validator

from contracts.apis.problems import KINDS
from infra.modules.api.openapi import fingerprint, read
from infra.modules.core.packaging import REPOSITORY

DOCUMENT = REPOSITORY / "contracts/apis/forecast.openapi.yaml"


@pytest.fixture
def operations():
    return {operation.operation_id: operation for operation in read(DOCUMENT)}


def test_operations_are_those_of_the_contract(operations):
    assert {(one.method, one.path) for one in operations.values()} == {
        ("GET", "/v1/devices"),
        ("GET", "/v1/devices/{device_id}/forecast"),
        ("POST", "/v1/forecasts"),
        ("GET", "/v1/health"),
    }


def test_parameters_are_named_as_api_gateway_names_them(operations):
    assert operations["getForecast"].parameters == {
        "method.request.path.device_id": True,
        "method.request.querystring.pollutant": True,
        "method.request.querystring.horizon": False,
        "method.request.querystring.quantiles": False,
        "method.request.querystring.origin": False,
    }


def test_the_bodys_schema_has_no_references(operations):
    body = operations["createForecasts"].model

    Draft4Validator.check_schema(body)
    assert "$ref" not in json.dumps(body)
    valid = {"requests": [{"device_id": "station-1", "pollutant": "ozone"}]}
    assert Draft4Validator(body).is_valid(valid)
    assert not Draft4Validator(body).is_valid({"requests": []})
    assert not Draft4Validator(body).is_valid({"requests": [{"device_id": "station-1"}]})


def test_a_model_has_no_keyword_that_api_gateway_does_not_support(operations):
    operation = operations["createForecasts"]
    assert "additionalProperties" in json.dumps(operation.body)
    assert "additionalProperties" not in json.dumps(operation.model)


def test_the_document_names_every_kind_of_problem():
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    named = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert named == [kind.type for kind in KINDS]
    statuses = {
        status
        for item in document["paths"].values()
        for operation in item.values()
        for status in operation["responses"]
    }
    assert {str(kind.status) for kind in KINDS} == statuses - {"200"}


def test_a_changed_document_causes_a_new_deployment(tmp_path, operations):
    changed = tmp_path / "api.yaml"
    changed.write_text(DOCUMENT.read_text(encoding="utf-8").replace("maxItems: 50", "maxItems: 10"))

    assert fingerprint(read(changed)) != fingerprint(read(DOCUMENT))
    assert fingerprint(read(DOCUMENT), "other answers") != fingerprint(read(DOCUMENT))
