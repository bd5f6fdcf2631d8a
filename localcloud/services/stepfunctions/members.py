"""Members of the requests to Step Functions, and what the local cloud does with them.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.cloud.request_members import Members

_ALL_DATA = {"includedData": ("ALL_DATA",)}
_PAGES = "maxResults nextToken"

MEMBERS: Mapping[str, Members] = {
    "create_state_machine": Members(
        "name definition roleArn publish versionDescription",
        "loggingConfiguration tracingConfiguration encryptionConfiguration tags",
        {"type": ("STANDARD",)},
    ),
    "update_state_machine": Members(
        "stateMachineArn definition roleArn publish versionDescription",
        "loggingConfiguration tracingConfiguration encryptionConfiguration",
    ),
    "describe_state_machine": Members("stateMachineArn", refused=_ALL_DATA),
    "delete_state_machine": Members("stateMachineArn"),
    "list_state_machines": Members(_PAGES),
    "validate_state_machine_definition": Members(
        "definition severity maxResults", refused={"type": ("STANDARD",)}
    ),
    "publish_state_machine_version": Members("stateMachineArn revisionId", "description"),
    "delete_state_machine_version": Members("stateMachineVersionArn"),
    "list_state_machine_versions": Members(f"stateMachineArn {_PAGES}"),
    "create_state_machine_alias": Members("name routingConfiguration", "description"),
    "update_state_machine_alias": Members(
        "stateMachineAliasArn routingConfiguration", "description"
    ),
    "describe_state_machine_alias": Members("stateMachineAliasArn"),
    "delete_state_machine_alias": Members("stateMachineAliasArn"),
    "list_state_machine_aliases": Members(f"stateMachineArn {_PAGES}"),
    "tag_resource": Members("resourceArn", "tags"),
    "untag_resource": Members("resourceArn tagKeys"),
    "list_tags_for_resource": Members("resourceArn"),
    "start_execution": Members("stateMachineArn name input", refused={"traceHeader": ()}),
    "stop_execution": Members("executionArn error cause"),
    "redrive_execution": Members("executionArn clientToken"),
    "describe_execution": Members("executionArn", refused=_ALL_DATA),
    "describe_state_machine_for_execution": Members("executionArn", refused=_ALL_DATA),
    "list_executions": Members(
        f"stateMachineArn statusFilter redriveFilter {_PAGES}", refused={"mapRunArn": ()}
    ),
    "get_execution_history": Members(f"executionArn reverseOrder includeExecutionData {_PAGES}"),
    "list_map_runs": Members(f"executionArn {_PAGES}"),
    "send_task_success": Members("taskToken output"),
    "send_task_failure": Members("taskToken error cause"),
    "send_task_heartbeat": Members("taskToken"),
    "start_sync_execution": Members(
        "stateMachineArn",
        refused=dict.fromkeys(("name", "input", "traceHeader", "includedData"), ()),
    ),
}
"""Members by operation. Refused as a whole are activities, TestState, and changes of Map Runs."""

UNSUPPORTED = frozenset({
    "create_activity", "delete_activity", "describe_activity", "get_activity_task",
    "list_activities", "describe_map_run", "update_map_run", "test_state",
})  # fmt: skip
"""Operations that the local cloud refuses."""
