"""Finds the roles of an estate to which `service_needs.toml` applies, and what they lack."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.iam.grants import permits
from tests.support.iam.policies import listed
from tests.support.machine_paths import Paths

_KINDS = {
    "CreateTrainingJob": ("TrainingJobName", "training-job"),
    "CreateProcessingJob": ("ProcessingJobName", "processing-job"),
    "CreateTransformJob": ("TransformJobName", "transform-job"),
    "CreateModel": ("ModelName", "model"),
    "CreateEndpointConfig": ("EndpointConfigName", "endpoint-config"),
    "CreateEndpoint": ("EndpointName", "endpoint"),
}
"""Member with the name of what an operation creates, and the type of its ARN."""


@dataclass(frozen=True)
class Need:
    """A row of the table."""

    case: str
    what: str
    actions: tuple[str, ...]
    source: str


def table() -> list[Need]:
    """Reads the table."""
    document = tomllib.loads(Path(__file__).with_name("service_needs.toml").read_text())
    return [Need(**{**row, "actions": tuple(row["actions"])}) for row in document["need"]]


@dataclass(frozen=True)
class Place:
    """A role that needs permissions, and what for.

    Parameters
    ----------
    kind
        Kind of the job, for actions that contain it.
    context
        Values of the request's condition keys.
    """

    role: str
    resource: str
    kind: str = ""
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A call of a state machine with evaluated arguments."""

    role: str
    operation: str
    waits: bool
    arguments: Mapping[str, Any]


class Roles:
    """Roles of an estate and what they do.

    Parameters
    ----------
    estate
        `tests.unit.infra.test_stacks.Estate`.
    paths
        The calls of each state machine, by its address.
    """

    def __init__(self, estate: Any, paths: Mapping[str, Paths]) -> None:
        self._estate = estate
        self._names = estate.names
        self.calls = [
            _call(estate.resources("aws_sfn_state_machine")[address]["name"], *called)
            for address, one in paths.items()
            for seen in one.calls.values()
            for called in seen
        ]
        self.statements = {
            policy["name"]: json.loads(policy["policy"])["Statement"]
            for policy in estate.resources("aws_iam_role_policy").values()
        }

    def refused(self, need: Need) -> list[str]:
        """Returns what a row's roles are not permitted to do.

        Raises
        ------
        LookupError
            The row applies nowhere.
        """
        places = list(PLACES[need.case](self))
        if not places:
            raise LookupError(f"no role is in the case {need.case!r}: remove its row")
        return sorted(
            {
                f"{place.role} may not {action.format(kind=place.kind)} on {place.resource}"
                for place in places
                for action in need.actions
                if not permits(
                    self.statements[place.role],
                    action.format(kind=place.kind),
                    place.resource,
                    place.context,
                )
            }
        )

    def arn(self, service: str, resource: str) -> str:
        return str(self._names.arn(service, resource))

    def created(self) -> Iterator[tuple[Call, str]]:
        """Yields the calls that create something in SageMaker, and its ARN."""
        for call in self.calls:
            if call.operation in _KINDS:
                member, kind = _KINDS[call.operation]
                yield call, self.arn("sagemaker", f"{kind}/{call.arguments[member]}")

    def written_by_glue(self) -> Iterator[tuple[str, str]]:
        """Yields the roles of Glue jobs with the patterns of the objects that they may write."""
        for role in {self._role(job["role_arn"]) for job in self._jobs()}:
            for statement in self.statements[role]:
                if "s3:PutObject" in listed(statement["Action"]):
                    yield from ((role, one) for one in listed(statement["Resource"]))

    def logged_by_glue(self) -> Iterator[tuple[str, str]]:
        """Yields the roles of Glue jobs under a security configuration, with their log groups."""
        groups = self._names.log_groups
        for job in self._jobs():
            if job.get("security_configuration"):
                for group in (groups.jobs_output, groups.jobs_error):
                    yield self._role(job["role_arn"]), self._names.log_group_arn(group)

    def machines(self) -> Iterable[str]:
        return [one["name"] for one in self._estate.resources("aws_sfn_state_machine").values()]

    def delivered(self) -> Iterator[tuple[str, str, str]]:
        """Yields the roles of delivery streams with the bucket and each prefix that they write."""
        for stream in self._resources("aws_kinesis_firehose_delivery_stream"):
            target = stream["extended_s3_configuration"]
            for prefix in (target["prefix"], target["error_output_prefix"]):
                yield self._role(target["role_arn"]), target["bucket_arn"], prefix.partition("!")[0]

    def provisioned(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yields the roles of provisioning templates with the templates' bodies."""
        for template in self._resources("aws_iot_provisioning_template"):
            body = json.loads(template["template_body"])
            yield self._role(template["provisioning_role_arn"]), body

    def logging(self) -> Iterator[str]:
        """Yields the roles with which AWS IoT writes its log."""
        for options in self._resources("aws_iot_logging_options"):
            yield self._role(options["role_arn"])

    def model_role(self) -> str:
        return str(self._names.role("sagemaker"))

    def _jobs(self) -> Iterable[Mapping[str, Any]]:
        return self._resources("aws_glue_job")

    def _resources(self, kind: str) -> Iterable[Mapping[str, Any]]:
        found: Iterable[Mapping[str, Any]] = self._estate.resources(kind).values()
        return found

    def _role(self, reference: str) -> str:
        """Returns the name of a role, given Terraform's reference to its ARN."""
        address = reference.removeprefix("${aws_iam_role.").removesuffix(".arn}")
        return str(self._estate.resources("aws_iam_role")[address]["name"])


def _call(role: str, resource: str, arguments: Mapping[str, Any]) -> Call:
    name = resource.removeprefix("aws-sdk:")
    operation = name.removesuffix(".sync").split(":")[1]
    return Call(role, operation[0].upper() + operation[1:], name.endswith(".sync"), arguments)


def _kind(call: Call) -> str:
    return call.operation.removeprefix("Create").removesuffix("Job")


def _keys(document: Any) -> Iterator[str]:
    if isinstance(document, Mapping):
        if "KmsKeyId" in document:
            yield document["KmsKeyId"]
        for one in document.values():
            yield from _keys(one)


def _output_keys(roles: Roles) -> Iterator[Place]:
    key = roles.arn("kms", "key/01234567-89ab-cdef-0123-456789abcdef")
    for call, _ in roles.created():
        role = call.arguments.get("RoleArn", "").rpartition("/")[2] or roles.model_role()
        for alias in _keys(call.arguments):
            yield Place(role, key, context={"kms:ResourceAliases": alias})


def _awaited(roles: Roles) -> Iterator[Place]:
    for call, arn in roles.created():
        if call.waits:
            yield Place(call.role, arn, _kind(call))


def _events(roles: Roles) -> Iterator[Place]:
    for call, _ in roles.created():
        if call.waits:
            rule = f"rule/StepFunctionsGetEventsForSageMaker{_kind(call)}JobsRule"
            yield Place(call.role, roles.arn("events", rule))


def _glue_runs(roles: Roles) -> Iterator[Place]:
    for call in roles.calls:
        if call.operation == "StartJobRun" and call.waits:
            yield Place(call.role, roles.arn("glue", f"job/{call.arguments['JobName']}"))


def _tagged(roles: Roles) -> Iterator[Place]:
    return (Place(call.role, arn) for call, arn in roles.created() if "Tags" in call.arguments)


def _passed(roles: Roles) -> Iterator[Place]:
    for call, _ in roles.created():
        for member in ("RoleArn", "ExecutionRoleArn"):
            if member in call.arguments:
                context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
                yield Place(call.role, call.arguments[member], context=context)


def _spark_objects(roles: Roles) -> Iterator[Place]:
    return (Place(role, pattern) for role, pattern in roles.written_by_glue())


def _spark_buckets(roles: Roles) -> Iterator[Place]:
    return (Place(role, pattern.partition("/")[0]) for role, pattern in roles.written_by_glue())


def _glue_logs(roles: Roles) -> Iterator[Place]:
    return (Place(role, group) for role, group in roles.logged_by_glue())


def _registered_images(roles: Roles) -> Iterator[Place]:
    for call in roles.calls:
        if call.operation == "CreateModelPackage":
            for container in call.arguments["InferenceSpecification"]["Containers"]:
                repository = container["Image"].partition("/")[2].partition(":")[0]
                if repository:  # Terraform inserts the address of an image of AWS
                    yield Place(call.role, roles.arn("ecr", f"repository/{repository}"))


def _firehose_objects(roles: Roles) -> Iterator[Place]:
    for role, bucket, prefix in roles.delivered():
        yield Place(role, f"{bucket}/{prefix}2026/01/01/00/x.gz")


def _firehose_buckets(roles: Roles) -> Iterator[Place]:
    return (Place(role, bucket) for role, bucket, _ in roles.delivered())


def _provisioned(kind: str) -> Callable[[Roles], Iterator[Place]]:
    def places(roles: Roles) -> Iterator[Place]:
        for role, body in roles.provisioned():
            if kind == "thing":
                yield Place(role, roles.arn("iot", "thing/station-1"))
            elif kind == "cert":
                yield Place(role, roles.arn("iot", "cert/0123456789abcdef"))
            else:
                for one in body["Resources"].values():
                    if one["Type"] == "AWS::IoT::Policy":
                        policy = one["Properties"]["PolicyName"]
                        yield Place(role, roles.arn("iot", f"policy/{policy}"))

    return places


def _iot_log(roles: Roles) -> Iterator[Place]:
    return (Place(role, roles.arn("logs", "log-group:AWSIotLogsV2")) for role in roles.logging())


def _machine_logs(roles: Roles) -> Iterator[Place]:
    return (Place(role, "*") for role in roles.machines())


PLACES: Mapping[str, Callable[[Roles], Iterator[Place]]] = {
    "output key of a job": _output_keys,
    "awaited job": _awaited,
    "events of an awaited job": _events,
    "awaited run of Glue": _glue_runs,
    "created with tags": _tagged,
    "passed role": _passed,
    "objects that Spark writes": _spark_objects,
    "buckets that Spark writes to": _spark_buckets,
    "encrypted logs of Glue": _glue_logs,
    "log of a state machine": _machine_logs,
    "registered image": _registered_images,
    "objects that Firehose writes": _firehose_objects,
    "bucket that Firehose writes to": _firehose_buckets,
    "thing that AWS IoT provisions": _provisioned("thing"),
    "certificate that AWS IoT provisions": _provisioned("cert"),
    "policy that AWS IoT provisions": _provisioned("policy"),
    "log of AWS IoT": _iot_log,
}
"""Roles and resources of each case of the table."""
