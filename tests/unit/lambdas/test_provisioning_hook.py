"""Tests which devices the pre-provisioning hook admits, and how it explains refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from provisioning_hook.admission import Claim, RefusedError
from provisioning_hook.allow_list import AllowList
from provisioning_hook.handler import Hook

from contracts.names import Names

NAMES = Names("staging", "123456789012", "eu-west-1")
NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
TOKEN = "5ecre7" * 6


def event(template: str = NAMES.claim_template, **changes: Any) -> dict[str, Any]:
    """Return an event of AWS IoT, payload version 2020-04-01."""
    return {
        "claimCertificateId": "c1",
        "certificateId": "c2",
        "certificatePem": "-----BEGIN CERTIFICATE-----",
        "templateArn": f"arn:aws:iot:eu-west-1:123456789012:provisioningtemplate/{template}",
        "clientId": "claim-1",
        "parameters": {"SerialNumber": "sn-1", "ClientRequestToken": TOKEN},
    } | changes


class Untouched:
    """Client that must not be called."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was called")


class ConditionFails:
    """DynamoDB with an item that does not meet the condition."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        self._item = item

    def update_item(self, **request: Any) -> Any:
        assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        raise ClientError(
            {"Error": {"Code": "ConditionalCheckFailedException"}}
            | ({"Item": self._item} if self._item else {}),
            "UpdateItem",
        )


def hook(allow_list: Any = None, iot: Any = None) -> Hook:
    allow_list = allow_list or AllowList(Untouched(), "table")
    return Hook(NAMES, allow_list, iot or Untouched(), lambda: NOW)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"SerialNumber": "sn-1"},
        {"SerialNumber": "", "ClientRequestToken": TOKEN},
        {"SerialNumber": "a/b", "ClientRequestToken": TOKEN},
        {"SerialNumber": "x" * 129, "ClientRequestToken": TOKEN},
        {"SerialNumber": 7, "ClientRequestToken": TOKEN},
        {"SerialNumber": "sn-1", "ClientRequestToken": "short"},
        {"SerialNumber": "sn-1", "ClientRequestToken": "x" * 129},
        {"SerialNumber": "sn-1", "ClientRequestToken": None},
        None,
    ],
)
def test_a_claim_without_serial_number_or_token_is_refused_without_calling_aws(parameters):
    assert hook().answer(event(parameters=parameters)) == {"allowProvisioning": False}


def test_a_claim_contains_only_the_digest_of_a_token():
    claim = Claim.of(event())

    assert TOKEN not in repr(claim) and claim.token_digest not in repr(claim)
    assert TOKEN not in claim.token_digest


def test_the_log_has_the_certificate_and_the_reason_of_a_refusal_but_no_secret(capsys):
    hook(AllowList(ConditionFails(None), "table")).answer(event())

    line = json.loads(capsys.readouterr().out)
    assert line["refused"] == "sn-1 is not on the allow-list"
    assert line["asked_with"] == "c1"
    assert TOKEN not in json.dumps(line)


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (None, "sn-1 is not on the allow-list"),
        ({"expires_at": {"N": "1795244399"}}, "was allowed until 2026-11-21T06:59:59"),
        (
            {"used_at": {"S": "2026-11-20T00:00:00+00:00"}, "expires_at": {"N": "1795244401"}},
            "was used at 2026-11-20T00:00:00",
        ),
    ],
)
def test_a_refusal_is_explained(item, why):
    with pytest.raises(RefusedError, match=why):
        AllowList(ConditionFails(item), "table").take(Claim.of(event()), NOW)


def test_a_failure_of_dynamodb_admits_nobody():
    class Throttled:
        def update_item(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    with pytest.raises(ClientError, match="Throttling"):
        hook(AllowList(Throttled(), "table")).answer(event())


def test_an_unknown_template_is_refused():
    assert hook().answer(event("another-claim")) == {"allowProvisioning": False}


class Things:
    """AWS IoT with things and their certificates."""

    class exceptions:
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self, held: dict[str, list[str]]) -> None:
        self._held = held

    def get_paginator(self, _: str) -> Things:
        return self

    def paginate(self, thingName: str) -> Any:
        if thingName not in self._held:
            raise self.exceptions.ResourceNotFoundException
        for certificate in self._held[thingName]:
            yield {"principals": [f"arn:aws:iot:eu-west-1:123456789012:cert/{certificate}"]}


@pytest.mark.parametrize(
    ("client", "certificate", "answer"),
    [
        ("quay", "c1", {"allowProvisioning": True, "parameterOverrides": {"ThingName": "quay"}}),
        ("quay", "c3", {"allowProvisioning": True, "parameterOverrides": {"ThingName": "quay"}}),
        ("quay", "c9", {"allowProvisioning": False}),
        ("pier", "c1", {"allowProvisioning": False}),
        (None, "c1", {"allowProvisioning": False}),
        ("quay", None, {"allowProvisioning": False}),
    ],
)
def test_a_rotation_is_for_the_thing_that_holds_the_certificate(client, certificate, answer):
    rotation = event(
        NAMES.rotation_template,
        clientId=client,
        claimCertificateId=certificate,
        parameters={"ThingName": "somebody-else"},
    )

    assert hook(iot=Things({"quay": ["c1", "c3"]})).answer(rotation) == answer
