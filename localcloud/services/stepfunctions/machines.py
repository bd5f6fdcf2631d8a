"""State machines, their versions, aliases and tags: validated here, stored by ministack.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch_logs, stepfunctions

from contracts.names import arn as arn_of
from localcloud.cloud.aws_api import AwsError
from localcloud.services.iam import roles
from localcloud.services.stepfunctions.definitions.check import diagnostics
from localcloud.services.stepfunctions.requests import (
    Record,
    Request,
    check_arn,
    check_name,
    ministack,
    page,
)

_PRINCIPAL = "states.amazonaws.com"
_OFF = {"level": "OFF", "includeExecutionData": False}
_LOG_GROUP = re.compile(r"arn:[^:]+:logs:[^:]+:\d{12}:log-group:([^:]+):\*")
_MOST_TAGS = 50
_MOST_DIAGNOSTICS = 100


class Machines:
    """Operations on state machines.

    Parameters
    ----------
    region, account_id
        Region and account of the machines.
    stop_executions
        Ends the running executions of a machine that is deleted.
    """

    def __init__(
        self, region: str, account_id: str, stop_executions: Callable[[str], None]
    ) -> None:
        self._region = region
        self._account_id = account_id
        self._stop_executions = stop_executions

    def create_state_machine(self, request: Request) -> Record:
        check_name(request["name"])
        _check_version_description(request)
        _check_definition(request["definition"])
        _check_logging(request.get("loggingConfiguration"))
        arn = arn_of(
            "states",
            f"stateMachine:{request['name']}",
            region=self._region,
            account_id=self._account_id,
        )
        self._check_role(request["roleArn"], arn)
        _check_tags(request.get("tags", []))
        existing = stepfunctions._state_machines.get(arn)
        tracing = request.get("tracingConfiguration", {"enabled": False})
        if existing is not None and existing.get("tracingConfiguration") != tracing:
            raise AwsError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
        answer = ministack(stepfunctions._create_state_machine, request)
        stepfunctions._state_machines[arn]["tracingConfiguration"] = tracing
        return answer

    def update_state_machine(self, request: Request) -> Record:
        arn = request["stateMachineArn"]
        machine = _machine(arn)
        changes = {"definition", "roleArn", "loggingConfiguration", "tracingConfiguration",
                   "encryptionConfiguration"}  # fmt: skip
        if not changes & set(request):
            raise AwsError(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, "
                "the EncryptionConfiguration or the TracingConfiguration must be specified",
            )
        _check_version_description(request)
        if "definition" in request:
            _check_definition(request["definition"])
        _check_logging(request.get("loggingConfiguration"))
        if "roleArn" in request:
            self._check_role(request["roleArn"], arn)
        answer = ministack(stepfunctions._update_state_machine, request)
        if "tracingConfiguration" in request:
            machine["tracingConfiguration"] = request["tracingConfiguration"]
        return {**answer, "revisionId": machine["revisionId"]}

    def describe_state_machine(self, request: Request) -> Record:
        check_arn(request["stateMachineArn"])
        answer = ministack(stepfunctions._describe_state_machine, request)
        machine = stepfunctions._state_machines.get(_base(request["stateMachineArn"]), {})
        tracing = machine.get("tracingConfiguration", {"enabled": False})
        return {"tracingConfiguration": tracing, **_without_empty(answer)}

    def delete_state_machine(self, request: Request) -> Record:
        arn = request["stateMachineArn"]
        check_arn(arn)
        if arn not in stepfunctions._state_machines:
            return {}
        self._stop_executions(arn)
        for store in (stepfunctions._state_machine_aliases, stepfunctions._state_machine_versions):
            for one in [key for key in store if _base(key) == arn]:
                del store[one]
        return ministack(stepfunctions._delete_state_machine, request)

    def list_state_machines(self, request: Request) -> Record:
        found = [
            {name: one[name] for name in ("stateMachineArn", "name", "type")}
            | {"creationDate": stepfunctions._timestamp_response_value(one["creationDate"])}
            for one in stepfunctions._state_machines.values()
        ]
        found.sort(key=lambda one: one["name"])
        return page(found, request, "stateMachines")

    def validate_state_machine_definition(self, request: Request) -> Record:
        found = diagnostics(request["definition"])
        most = request.get("maxResults") or _MOST_DIAGNOSTICS
        return {
            "result": "FAIL" if found else "OK",
            "diagnostics": [one.members for one in found[:most]],
            "truncated": len(found) > most,
        }

    def publish_state_machine_version(self, request: Request) -> Record:
        """Publishes the present revision, once.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html
        """
        machine = _machine(request["stateMachineArn"])
        if request.get("revisionId", machine["revisionId"]) == machine["revisionId"]:
            for version in stepfunctions._state_machine_versions.values():
                if version["stateMachineRevisionId"] == machine["revisionId"]:
                    created = stepfunctions._timestamp_response_value(version["creationDate"])
                    arn = version["stateMachineVersionArn"]
                    return {"stateMachineVersionArn": arn, "creationDate": created}
        return ministack(stepfunctions._publish_state_machine_version, request)

    def delete_state_machine_version(self, request: Request) -> Record:
        return ministack(stepfunctions._delete_state_machine_version, request)

    def list_state_machine_versions(self, request: Request) -> Record:
        every = {"stateMachineArn": request["stateMachineArn"]}
        answer = ministack(stepfunctions._list_state_machine_versions, every)
        return page(answer["stateMachineVersions"], request, "stateMachineVersions")

    def create_state_machine_alias(self, request: Request) -> Record:
        return ministack(stepfunctions._create_state_machine_alias, request)

    def update_state_machine_alias(self, request: Request) -> Record:
        return ministack(stepfunctions._update_state_machine_alias, request)

    def describe_state_machine_alias(self, request: Request) -> Record:
        return ministack(stepfunctions._describe_state_machine_alias, request)

    def delete_state_machine_alias(self, request: Request) -> Record:
        return ministack(stepfunctions._delete_state_machine_alias, request)

    def list_state_machine_aliases(self, request: Request) -> Record:
        every = {"stateMachineArn": request["stateMachineArn"]}
        answer = ministack(stepfunctions._list_state_machine_aliases, every)
        return page(answer["stateMachineAliases"], request, "stateMachineAliases")

    def tag_resource(self, request: Request) -> Record:
        _check_tagged(request["resourceArn"])
        kept = {tag["key"] for tag in stepfunctions._tags.get(request["resourceArn"], [])}
        _check_tags([*kept | {tag["key"] for tag in request["tags"]}])
        return ministack(stepfunctions._tag_resource, request)

    def untag_resource(self, request: Request) -> Record:
        _check_tagged(request["resourceArn"])
        return ministack(stepfunctions._untag_resource, request)

    def list_tags_for_resource(self, request: Request) -> Record:
        _check_tagged(request["resourceArn"])
        return ministack(stepfunctions._list_tags_for_resource, request)

    def _check_role(self, role: str, machine: str) -> None:
        """Refuses a role that Step Functions cannot assume, as AWS does.

        https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
        """
        try:
            roles.assume(role, _PRINCIPAL, "validation", self._region, machine)
        except roles.RoleError as error:
            raise AwsError(
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional one "
                f"is authorized to assume the provided role: {error}",
            ) from error


def _machine(arn: str) -> Record:
    check_arn(arn)
    found: Record | None = stepfunctions._state_machines.get(arn)
    if found is None:
        raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
    return found


def _base(arn: str) -> str:
    """Returns the machine of a version or an alias."""
    return ":".join(arn.split(":")[:7])


def _check_definition(text: str) -> None:
    found = diagnostics(text)
    if found:
        listed = ", ".join(map(str, found))
        raise AwsError("InvalidDefinition", f"Invalid State Machine Definition: '{listed}'")


def _check_version_description(request: Request) -> None:
    if "versionDescription" in request and not request.get("publish"):
        raise AwsError(
            "ValidationException", "Version description can only be set when publish is true"
        )


def _check_logging(logging: Record | None) -> None:
    """Checks that the log of executions exists.

    https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    """
    if logging is None or logging.get("level", "OFF") == "OFF":
        return
    destinations = logging.get("destinations", [])
    arn = (
        (destinations[0].get("cloudWatchLogsLogGroup") or {}).get("logGroupArn", "")
        if (len(destinations) == 1)
        else ""
    )
    found = _LOG_GROUP.fullmatch(arn)
    if found is None or found[1] not in cloudwatch_logs._log_groups:
        raise AwsError(
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: expected one destination, an existing log group whose "
            f"ARN ends with ':*'; got {destinations}",
        )


def _check_tags(tags: list[Any]) -> None:
    if len(tags) > _MOST_TAGS:
        raise AwsError("TooManyTags", f"expected at most {_MOST_TAGS} tags; got {len(tags)}")


def _check_tagged(arn: str) -> None:
    check_arn(arn)
    if arn not in stepfunctions._state_machines:
        raise AwsError("ResourceNotFound", f"Resource not found: '{arn}'")


def _without_empty(answer: Record) -> Record:
    return {name: value for name, value in answer.items() if value not in (None, "")}
