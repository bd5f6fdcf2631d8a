"""API Gateway accepts the models of the estate and the documents that they come from."""

from __future__ import annotations

import copy
import json

import pytest
import yaml

from contracts.names import ENVIRONMENTS
from infra.modules.core.packaging import REPOSITORY
from tests.support.api.gateway import DRAFT_4, faults_of_document, faults_of_model
from tests.unit.infra.test_stacks import Estate

DOCUMENTS = sorted((REPOSITORY / "contracts/apis").glob("*.openapi.yaml"))
MODEL = {
    "$schema": DRAFT_4,
    "type": "object",
    "required": ["device"],
    "properties": {"device": {"type": "string", "pattern": "^[a-z]+$", "default": "a"}},
}


def loaded(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_every_model_is_accepted_and_applied(synthesised):
    checked = 0
    for environment in ENVIRONMENTS:
        for one in Estate(synthesised, environment).resources("aws_api_gateway_model").values():
            text = one["schema"]
            found = faults_of_model(one["name"], one["content_type"], text, json.loads(text))
            assert found == [], environment
            checked += 1
    assert checked >= len(ENVIRONMENTS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_document_can_be_imported(path):
    assert faults_of_document(loaded(path)) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"additionalProperties": False}, "additionalProperties is not supported"),
        ({"properties": {"device": {"oneOf": [{"type": "string"}]}}}, "oneOf is not supported"),
        ({"properties": {"device": {"const": "a"}}}, "const is no keyword of draft 4"),
        ({"properties": {"device": {"exclusiveMaximum": 3}}}, "no schema of draft 4"),
        ({"properties": {"device": {"type": "text"}}}, "no schema of draft 4"),
        ({"required": []}, "no schema of draft 4"),
        ({"required": ["devise"]}, "the required devise is no property"),
        ({"properties": {"device": {"format": "int32"}}}, "the format int32 is not supported"),
        ({"properties": {"device": {"type": "integer", "default": "a"}}}, "the default 'a'"),
        ({"properties": {"device": {"pattern": "["}}}, "no schema of draft 4"),
        ({"properties": {"device": {"$ref": "device.json"}}}, "expected a reference within"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "expected $schema"),
        ({"description": "a" * 400_000}, "expected at most 400000 bytes"),
    ],
)
def test_a_fault_of_a_model_is_found(changes, fault):
    def found(schema):
        return faults_of_model("Request", "application/json", json.dumps(schema), schema)

    assert found(MODEL) == []
    # a wrong type of one property leaves the other ones of the example
    assert any(fault in one for one in found(copy.deepcopy(MODEL) | changes))


def test_a_fault_of_a_models_name_or_type_is_found():
    assert faults_of_model("a-b", "application/json", "", MODEL)
    assert faults_of_model("Request", "text/csv", "", MODEL)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda one: one.update(openapi="3.1.0"), "expected 3.0"),
        (lambda one: one["components"].update(parameters={}), "references to schemas only"),
        (
            lambda one: one["components"]["securitySchemes"].update(Login={"type": "oauth2"}),
            "expected apiKey",
        ),
        (
            lambda one: one["components"]["schemas"].update({"A_b": {"type": "object"}}),
            "letters and digits",
        ),
        (
            lambda one: one["components"]["schemas"]["Device"].update(nullable=True),
            "nullable is not supported",
        ),
        (lambda one: one["paths"].update({"/ping": {}}), "/ping is reserved"),
        (lambda one: one["paths"].update({"/v1/a{id}": {}}), "the segment a{id}"),
        (
            lambda one: one["paths"]["/v1/devices"]["get"]["parameters"][0].update(deprecated=True),
            "deprecated is ignored",
        ),
        (
            lambda one: one["paths"]["/v1/health"]["get"]["responses"]["200"]["content"][
                "application/json"
            ].update(schema={"type": "string"}),
            "expected an object",
        ),
    ],
    ids=lambda one: None if isinstance(one, str) else "",
)
def test_a_fault_of_a_document_is_found(change, fault):
    document = loaded(REPOSITORY / "contracts/apis/forecast.openapi.yaml")
    change(document)
    assert any(fault in one for one in faults_of_document(document))
