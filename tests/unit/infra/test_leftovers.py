"""Removal of releases: rollouts are stopped first, or they would recreate the endpoint."""

from __future__ import annotations

from typing import Any

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
