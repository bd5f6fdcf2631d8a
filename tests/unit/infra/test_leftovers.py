"""Removal of releases: rollouts are stopped first, or they would recreate the endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.names import Names
from infra.estate import leftovers

NAMES = Names("dev", "123456789012", "eu-west-1")


class Account:
    """An account with running executions in Step Functions and nothing in SageMaker."""

    def __init__(self, *running: str) -> None:
        self._running = running
        self.calls: list[str] = []

    def client(self, service: str) -> Account:
        return self

    def list_executions(self, stateMachineArn: str, statusFilter: str) -> dict[str, Any]:
        assert stateMachineArn == NAMES.state_machine_arn("lakecast-dev-rollout")
        assert statusFilter == "RUNNING"
        return {"executions": [{"executionArn": one, "name": one} for one in self._running]}

    def stop_execution(self, executionArn: str, cause: str) -> None:
        self.calls.append(f"stop {executionArn}")

    def get_paginator(self, operation: str) -> Account:
        self.calls.append(operation)
        return self

    def paginate(self, **filters: str) -> list[dict[str, Any]]:
        empty = ("Endpoints", "EndpointConfigs", "Models", "ModelPackageSummaryList")
        return [{name: [] for name in empty}]


def test_rollouts_are_stopped_before_the_endpoint_goes() -> None:
    account, messages = Account("first", "second"), []
    leftovers.remove_releases(account, NAMES, messages.append)
    assert account.calls[:3] == ["stop first", "stop second", "list_endpoints"]
    assert messages == ["stopping rollout first", "stopping rollout second"]


def test_without_the_state_machine_there_is_no_rollout_to_stop() -> None:
    class NoMachine(Account):
        def list_executions(self, **request: str) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "StateMachineDoesNotExist"}}, "ListExecutions")

    account = NoMachine()
    leftovers.remove_releases(account, NAMES, print)
    assert account.calls[0] == "list_endpoints"


class Registry:
    """AWS IoT with one thing, which is detached only after some attempts to delete it."""

    def __init__(self, attempts: int, code: str) -> None:
        self.attempts = attempts
        self._error = ClientError({"Error": {"Code": code, "Message": "attached"}}, "DeleteThing")

    def client(self, service: str) -> Registry:
        return self

    def get_paginator(self, operation: str) -> Registry:
        return self

    def paginate(self, **filters: str) -> list[dict[str, Any]]:
        return [{"things": [{"thingName": "a"}], "targets": [], "certificates": []}]

    def list_thing_principals(self, thingName: str) -> dict[str, Any]:
        return {"principals": []}

    def delete_thing(self, thingName: str) -> None:
        if self.attempts:
            self.attempts -= 1
            raise self._error


def test_a_thing_is_deleted_when_its_certificate_is_detached(monkeypatch) -> None:
    monkeypatch.setattr(leftovers, "POLL", 0.0)
    registry = Registry(3, "InvalidRequestException")
    leftovers.remove_devices(registry, NAMES, print)
    assert registry.attempts == 0


def test_a_thing_that_stays_attached_or_may_not_be_deleted_is_reported(monkeypatch) -> None:
    monkeypatch.setattr(leftovers, "POLL", 0.0)
    monkeypatch.setattr(leftovers, "DETACHMENT_TIMEOUT", -1.0)
    with pytest.raises(leftovers.LeftoverError, match=r"a can't be deleted: .* attached"):
        leftovers.remove_devices(Registry(3, "InvalidRequestException"), NAMES, print)
    with pytest.raises(ClientError):
        leftovers.remove_devices(Registry(3, "UnauthorizedException"), NAMES, print)
