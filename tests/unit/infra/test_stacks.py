"""Properties of the synthesised Terraform of all environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from contracts.lake.locations import EXPERIMENTS
from contracts.lake.runs import NAMESPACE
from contracts.models.container_images import OWN_IMAGES
from contracts.names import ENVIRONMENTS, GLUE_JOBS, Names
from contracts.settings.load import load as load_settings
from infra.estate.place import STACKS
from infra.estate.synthesis import node
from infra.modules.core.packaging import REPOSITORY
from tests.support.sessions import ACCOUNT, REGION

KEPT = ("staging", "prod")


def test_synthesis_loads_only_the_bindings_that_it_needs():
    """Loading all of them, more than a thousand, takes half a minute."""
    count = (
        "import sys, infra.estate.app\n"
        "print(sum(name.startswith('cdktf_cdktf_provider_aws.') for name in sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", count],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env={**os.environ, "JSII_NODE": str(node())},
    )

    assert int(answer.stdout) < 150
    assert answer.stderr == "", "jsii reports an unsupported Node.js"


class Estate:
    """The synthesised stacks of one environment."""

    def __init__(self, folder: Path, environment: str) -> None:
        self.names = Names(environment, ACCOUNT, REGION)
        self.settings = load_settings(environment)
        self.stacks: dict[str, dict[str, Any]] = {
            stack: json.loads((folder / environment / stack / "cdk.tf.json").read_text())
            for stack in STACKS
        }

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        return {
            name: resource
            for stack in self.stacks.values()
            for name, resource in stack["resource"].get(kind, {}).items()
        }

    def policies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields every statement of every policy document, with the address of its resource."""
        for stack in self.stacks.values():
            for kind, resources in stack["resource"].items():
                for name, resource in resources.items():
                    for attribute in ("policy", "assume_role_policy"):
                        if attribute in resource and kind != "aws_ecr_lifecycle_policy":
                            for statement in json.loads(resource[attribute])["Statement"]:
                                yield f"{kind}.{name}", statement


@pytest.fixture(params=ENVIRONMENTS)
def estate(request: pytest.FixtureRequest, synthesised: Path) -> Estate:
    return Estate(synthesised, request.param)


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_every_bucket_is_versioned_encrypted_private_and_owned(estate):
    buckets = estate.resources("aws_s3_bucket")

    assert {bucket["bucket"] for bucket in buckets.values()} == {
        estate.names.bucket(purpose) for purpose in ("raw", "curated", "models", "code", "logs")
    }
    for name in buckets:
        versioning = estate.resources("aws_s3_bucket_versioning")[f"{name}_versioning"]
        assert versioning["versioning_configuration"]["status"] == "Enabled"
        block = estate.resources("aws_s3_bucket_public_access_block")[f"{name}_public_access"]
        assert all(value is True for key, value in block.items() if key not in ("//", "bucket"))
        owner = estate.resources("aws_s3_bucket_ownership_controls")[f"{name}_ownership"]
        assert owner["rule"]["object_ownership"] == "BucketOwnerEnforced"


def test_every_bucket_of_data_is_encrypted_with_the_key_and_logged(estate):
    encryption = estate.resources("aws_s3_bucket_server_side_encryption_configuration")
    logging = estate.resources("aws_s3_bucket_logging")
    for name in ("raw", "curated", "models", "code"):
        rule = encryption[f"{name}_encryption"]["rule"][0]
        default = rule["apply_server_side_encryption_by_default"]
        assert default["sse_algorithm"] == "aws:kms"
        assert default["kms_master_key_id"] == "${aws_kms_key.key.arn}"
        assert logging[f"{name}_access_log"]["target_bucket"] == "${aws_s3_bucket.logs.bucket}"


def test_every_bucket_refuses_plain_http(estate):
    for name in estate.resources("aws_s3_bucket"):
        policy = json.loads(estate.resources("aws_s3_bucket_policy")[f"{name}_policy"]["policy"])
        statement = next(s for s in policy["Statement"] if s["Effect"] == "Deny")
        assert statement["Principal"] == "*"
        assert statement["Action"] == "s3:*"
        assert len(statement["Resource"]) == 2
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_no_policy_allows_every_action(estate):
    for where, statement in estate.policies():
        if statement["Effect"] == "Deny" or where == "aws_kms_key.key":
            continue  # KMS requires this statement for the account, the key's owner
        for action in listed(statement["Action"]):
            assert not action.endswith(":*"), where
            assert action != "*", where


def test_only_actions_without_narrower_resources_are_allowed_on_all(estate):
    """These actions support no resources, or a condition restricts them."""
    boundless = {
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
        "glue:GetSecurityConfiguration",
        "iot:AttachThingPrincipal",
        "iot:ListAttachedPolicies",
        "iot:ListPolicyPrincipals",
        "iot:ListPrincipalPolicies",
        "iot:ListThingPrincipals",
        "iot:RegisterThing",
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
        "sagemaker:ListEndpointConfigs",
        "sagemaker:ListEndpoints",
        "sagemaker:ListModelPackages",
        "sagemaker:ListModels",
        "sagemaker:ListProcessingJobs",
        "sagemaker:ListTrainingJobs",
        "sagemaker:ListTransformJobs",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    for where, statement in estate.policies():
        if where.startswith("aws_kms_key") or "*" not in listed(statement.get("Resource", [])):
            continue
        assert set(listed(statement["Action"])) <= boundless, where


def test_metrics_are_published_in_named_namespaces_only(estate):
    publishing = [
        statement
        for _, statement in estate.policies()
        if "cloudwatch:PutMetricData" in listed(statement["Action"])
    ]
    assert publishing
    for statement in publishing:
        (condition,) = statement["Condition"].values()
        assert "*" not in listed(condition["cloudwatch:namespace"])


def test_alarms_are_sent_and_jobs_publish_their_metrics(estate):
    alarms = estate.resources("aws_cloudwatch_metric_alarm")
    for name, alarm in alarms.items():
        assert estate.names.alarm_topic_arn in alarm["alarm_actions"], name
    for job, definition in estate.resources("aws_glue_job").items():
        arguments = definition["default_arguments"]
        assert arguments["--environment"] == estate.names.environment, job
        assert arguments["--metrics_namespace"] == NAMESPACE, job
    watched = alarms["glue_alarms_quarantine"]
    assert watched["namespace"] == NAMESPACE
    assert watched["threshold"] == float(arguments["--max_quarantined_share"])


def test_keys_are_used_only_through_their_alias(estate):
    for where, statement in estate.policies():
        actions = listed(statement["Action"])
        if where == "aws_kms_key.key" or not any(action.startswith("kms:") for action in actions):
            continue
        assert statement["Condition"] == {
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": estate.names.key_alias}
        }, where


def test_a_device_publishes_as_its_own_thing_only(estate):
    policy = estate.resources("aws_iot_policy")["ingestion_device_policy"]["policy"]
    allowed = {
        action: listed(statement["Resource"])
        for statement in json.loads(policy.replace("$${", "${"))["Statement"]
        for action in listed(statement["Action"])
    }
    thing = "${iot:Connection.Thing.ThingName}"
    iot = f"arn:aws:iot:{REGION}:{ACCOUNT}"
    shadow = f"$aws/things/{thing}/shadow/name/sampling"
    rule = estate.names.topic_rule
    assert allowed == {
        "iot:Connect": [f"{iot}:client/{thing}"],
        "iot:Publish": [
            f"{iot}:topic/telemetry/{thing}",
            f"{iot}:topic/$aws/rules/{rule}/telemetry/{thing}",
            f"{iot}:topic/status/{thing}",
            f"{iot}:topic/{shadow}/get",
            f"{iot}:topic/{shadow}/update",
        ],
        "iot:Subscribe": [f"{iot}:topicfilter/{shadow}/*"],
        "iot:Receive": [f"{iot}:topic/{shadow}/*"],
        "iot:RetainPublish": [f"{iot}:topic/status/{thing}"],
    }
    assert len("".join(policy.replace("$${", "${").split())) <= 2048  # AWS IoT's limit


def iot_policy(estate: Estate, name: str) -> dict[str, list[str]]:
    """Returns the allowed resources per action, without the account's prefix."""
    policy = estate.resources("aws_iot_policy")[name]["policy"].replace("$${", "${")
    assert len("".join(policy.split())) <= 2048, "longer than AWS IoT accepts"
    return {
        action: [arn.partition(f"{ACCOUNT}:")[2] for arn in listed(statement["Resource"])]
        for statement in json.loads(policy)["Statement"]
        for action in listed(statement["Action"])
    }


def test_a_claim_certificate_permits_claims_only(estate):
    create = "$aws/certificates/create-from-csr/json"
    register = f"$aws/provisioning-templates/{estate.names.claim_template}/provision/json"
    assert iot_policy(estate, "provisioning_claim_policy") == {
        "iot:Connect": ["client/claim-*"],
        "iot:Publish": [f"topic/{create}", f"topic/{register}"],
        "iot:Subscribe": [f"topicfilter/{create}/*", f"topicfilter/{register}/*"],
        "iot:Receive": [f"topic/{create}/*", f"topic/{register}/*"],
    }


def test_a_device_renews_its_own_certificate_only(estate):
    thing = "${iot:Connection.Thing.ThingName}"
    allowed = iot_policy(estate, "provisioning_renewal_policy")

    assert set(allowed) == {"iot:Publish", "iot:Subscribe", "iot:Receive"}
    assert f"topic/certificates/{thing}/confirm" in allowed["iot:Publish"]
    assert not any(estate.names.claim_template in one for some in allowed.values() for one in some)
    iot_policy(estate, "ingestion_device_policy")  # is short enough, too


def test_aws_iot_may_invoke_a_function_for_its_one_template_or_rule_only(estate):
    permissions = [
        one
        for one in estate.resources("aws_lambda_permission").values()
        if one["principal"] == "iot.amazonaws.com"
    ]
    assert len(permissions) == 3
    for permission in permissions:
        assert permission["source_account"] == ACCOUNT
        assert "*" not in permission["source_arn"]


def test_the_hook_determines_the_name_of_the_thing(estate):
    for template in estate.resources("aws_iot_provisioning_template").values():
        body = json.loads(template["template_body"])
        assert body["Resources"]["thing"]["Properties"]["ThingName"] == {"Ref": "ThingName"}
        assert "Default" not in body["Parameters"]["ThingName"], "without the hook there is no name"
        assert template["pre_provisioning_hook"]["target_arn"]


def test_every_resource_is_tagged_by_the_provider(estate):
    for stack in estate.stacks.values():
        (provider,) = stack["provider"]["aws"]
        tags = provider["default_tags"][0]["tags"]
        assert tags["environment"] == estate.names.environment
        assert set(tags) == {"project", "environment", "owner", "cost-centre", "data-class"}
        assert provider["allowed_account_ids"] == [ACCOUNT]


def test_logs_are_encrypted_and_expire(estate):
    declared = estate.resources("aws_cloudwatch_log_group")
    execution = declared.pop("stage_execution_log")  # named by API Gateway, in another stack
    groups = declared.values()

    assert execution["retention_in_days"] == estate.settings.retention.log_days
    assert {group["name"] for group in groups} == {
        *asdict(estate.names.log_groups).values(),
        *asdict(estate.names.workload_log_groups).values(),
    }
    for group in groups:
        assert group["kms_key_id"] == "${aws_kms_key.key.arn}"
        assert group["retention_in_days"] == estate.settings.retention.log_days


def test_stacks_refer_to_each_other_by_name_only(estate):
    """All stacks can therefore be planned before the first one is applied."""
    for stack in estate.stacks.values():
        # the provider reads the address of an AWS image from its own table, without a request
        assert set(stack.get("data", {})) <= {"aws_sagemaker_prebuilt_ecr_image"}
        assert not any(
            parameter for parameter in stack.get("variable", {}) if "CrossStack" in parameter
        )
        assert not stack.get("output")


def test_names_are_those_that_clients_derive(estate):
    names = estate.names
    for kind, attribute, expected in (
        ("aws_kms_alias", "name", {names.key_alias}),
        ("aws_dynamodb_table", "name",
         {names.interactions_table, names.allow_list_table, names.locks_table,
          names.releases_table}),
        ("aws_ecr_repository", "name", {names.part(container) for container in OWN_IMAGES}),
        ("aws_glue_catalog_database", "name", {names.database}),
        ("aws_athena_workgroup", "name", {names.workgroup}),
        ("aws_iot_thing_type", "name", {names.thing_type}),
        ("aws_iot_policy", "name",
         {names.device_policy, names.renewal_policy, names.claim_policy}),
        ("aws_iot_provisioning_template", "name",
         {names.claim_template, names.rotation_template}),
        ("aws_iot_topic_rule", "name", {names.topic_rule, names.confirmation_rule}),
        ("aws_kinesis_firehose_delivery_stream", "name", {names.delivery_stream}),
        ("aws_glue_crawler", "name", {names.crawler}),
        ("aws_lambda_function", "function_name",
         {names.api, names.provisioning_hook, names.certificate_confirmation}),
        ("aws_api_gateway_rest_api", "name", {names.api}),
        ("aws_api_gateway_api_key", "name", {names.api}),
        ("aws_glue_job", "name", {names.job(job) for job in GLUE_JOBS}),
    ):  # fmt: skip
        assert {one[attribute] for one in estate.resources(kind).values()} == expected
    roles = {role["name"] for role in estate.resources("aws_iam_role").values()}
    assert roles >= {
        names.part(part) for part in ("glue", "sagemaker", "firehose", "topic-rule", "forecast-api")
    }


def test_access_is_logged_once_the_log_bucket_permits_it(estate):
    loggings = estate.resources("aws_s3_bucket_logging").values()
    assert len(loggings) == 4
    for one in loggings:
        assert one["target_bucket"] == "${aws_s3_bucket.logs.bucket}"
        assert one["depends_on"] == ["aws_s3_bucket_policy.logs_policy"]


def test_days_are_compacted_on_the_schedule_in_the_settings(estate):
    schedule = estate.settings.glue.compaction_schedule
    triggers = list(estate.resources("aws_glue_trigger").values())
    assert len(triggers) == (schedule is not None) == (estate.names.environment != "local")
    for trigger in triggers:
        assert (trigger["type"], trigger["schedule"]) == ("SCHEDULED", schedule)
        assert [action["job_name"] for action in trigger["actions"]] == [
            "${aws_glue_job.glue_compact.name}"
        ]


def test_the_state_backend_is_that_of_the_settings(estate):
    for name, stack in estate.stacks.items():
        backend = stack["terraform"]["backend"]
        if estate.settings.state.backend == "local":
            assert backend == {"local": {"path": "terraform.tfstate"}}
        else:
            assert backend["s3"] == {
                "bucket": estate.names.bucket("terraform-state"),
                "key": f"{name}.tfstate",
                "region": REGION,
                "encrypt": True,
                "use_lockfile": True,
            }


@pytest.mark.parametrize("environment", KEPT)
def test_resources_with_data_are_protected_in_kept_environments(synthesised, environment):
    estate = Estate(synthesised, environment)
    for kind in ("aws_s3_bucket", "aws_dynamodb_table", "aws_kms_key"):
        for resource in estate.resources(kind).values():
            assert resource["lifecycle"]["prevent_destroy"] is True
            assert not resource.get("force_destroy", False)


@pytest.mark.parametrize("environment", KEPT)
def test_objects_expire_in_kept_environments(synthesised, environment):
    rules = Estate(synthesised, environment).resources("aws_s3_bucket_lifecycle_configuration")

    assert set(rules) == {
        f"{name}_lifecycle" for name in ("raw", "curated", "models", "code", "logs")
    }


@pytest.mark.parametrize("environment", KEPT)
def test_versions_of_derived_data_expire_sooner_than_of_data_that_is_lost(synthesised, environment):
    estate = Estate(synthesised, environment)
    retention = estate.settings.retention
    rules = estate.resources("aws_s3_bucket_lifecycle_configuration")
    days = {
        (bucket.removesuffix("_lifecycle"), rule["filter"][0]["prefix"]): found[0][
            "noncurrent_days"
        ]
        for bucket, configuration in rules.items()
        for rule in configuration["rule"]
        if (found := rule.get("noncurrent_version_expiration"))
    }
    kept, derived = retention.noncurrent_days, retention.derived_noncurrent_days
    assert derived < kept
    assert days == {
        **{(bucket, ""): kept for bucket in ("raw", "models", "code", "logs")},
        ("curated", ""): derived,
        ("models", "channels/"): derived,
        ("models", "nightly/"): derived,
    }


def test_every_operation_of_the_api_needs_a_key_and_is_validated(estate):
    methods = estate.resources("aws_api_gateway_method").values()

    assert {method["operation_name"] for method in methods} == {
        "listDevices",
        "getForecast",
        "createForecasts",
        "getHealth",
    }
    for method in methods:
        assert method["api_key_required"] is True
        assert (
            method["request_validator_id"]
            == "${aws_api_gateway_request_validator.api_validator.id}"
        )


def test_api_gateways_own_answers_are_problem_documents(estate):
    """API Gateway fills in its variables; a message has quotation marks, the faults have none."""
    answers = {
        answer["response_type"]: answer
        for answer in estate.resources("aws_api_gateway_gateway_response").values()
    }

    for answer in answers.values():
        text = answer["response_templates"]["application/json"]
        filled = text.replace("$context.error.messageString", '"Invalid request body"')
        problem = json.loads(filled.replace("$context.error.validationErrorString", r"[\"a\"]"))
        assert str(problem["status"]) == answer["status_code"]
        has_faults = answer["response_type"] == "BAD_REQUEST_BODY"
        assert problem.get("errors") == (
            [{"at": "body", "detail": '["a"]'}] if has_faults else None
        )
    assert answers["MISSING_AUTHENTICATION_TOKEN"]["status_code"] == "404"


def test_readings_go_to_firehose_and_errors_to_the_raw_bucket(estate):
    rules = estate.resources("aws_iot_topic_rule").values()
    (rule,) = [one for one in rules if one["name"] == estate.names.topic_rule]

    assert rule["sql"] == (
        "SELECT *, topic(2) AS thing_name, timestamp() AS received_at FROM 'telemetry/+'"
    )
    assert rule["firehose"][0]["separator"] == "\n"
    assert rule["error_action"]["s3"]["bucket_name"] == estate.names.bucket("raw")
    assert rule["error_action"]["s3"]["key"] == (
        'errors/rule/$${parse_time("yyyy/MM/dd/HH", timestamp(), "UTC")}/$${newuuid()}.json'
    )


def test_every_alarm_notifies_the_encrypted_topic_and_the_targets_in_the_settings(estate):
    (topic,) = estate.resources("aws_sns_topic").values()
    assert topic["name"] == estate.names.alarm_topic
    assert topic["kms_master_key_id"] == "${aws_kms_key.key.arn}"
    notified = [estate.names.alarm_topic_arn, *estate.settings.alarms.targets]
    alarms = estate.resources("aws_cloudwatch_metric_alarm").values()
    assert len(alarms) >= 4
    for alarm in alarms:
        assert alarm["alarm_actions"] == alarm["ok_actions"] == notified


def test_ingestion_alarms_use_the_environments_thresholds(estate):
    settings = estate.settings.alarms
    alarms = {
        alarm["alarm_name"].removeprefix(estate.names.part("")): alarm
        for alarm in estate.resources("aws_cloudwatch_metric_alarm").values()
    }
    assert alarms["delivery-data-age"]["threshold"] == settings.max_data_age_seconds
    assert alarms["rule-failures"]["threshold"] == settings.max_rule_failures
    assert alarms["rule-failures"]["dimensions"]["RuleName"] == estate.names.topic_rule
    assert alarms["lost-errors"]["threshold"] == 0
    assert ("no-readings" in alarms) == (settings.silent_minutes > 0)
    if settings.silent_minutes:
        assert alarms["no-readings"]["period"] == 60 * settings.silent_minutes
        assert alarms["no-readings"]["treat_missing_data"] == "breaching"


def test_addresses_are_readable(estate):
    for stack in estate.stacks.values():
        for resources in stack["resource"].values():
            for name in resources:
                assert not name[-8:].isupper(), f"{name} ends in cdktf's hash"


def test_the_budget_is_that_of_the_settings_and_may_publish_to_the_topic(estate):
    (budget,) = estate.resources("aws_budgets_budget").values()
    assert budget["limit_amount"] == str(estate.settings.budget.monthly_usd)
    assert "cost_filter" not in budget, "a tag counts nothing until the payer activates it"
    for notice in budget["notification"]:
        assert notice["subscriber_sns_topic_arns"] == [estate.names.alarm_topic_arn]
    for kind in ("aws_sns_topic_policy", "aws_kms_key"):
        (policy,) = (one["policy"] for one in estate.resources(kind).values())
        permitted = [
            listed(one["Principal"]["Service"])
            for one in json.loads(policy)["Statement"]
            if "Service" in one["Principal"]
        ]
        assert any("budgets.amazonaws.com" in services for services in permitted), kind


def test_managed_mlflow_is_created_only_if_the_settings_enable_it(estate):
    servers = estate.resources("aws_sagemaker_mlflow_tracking_server")
    if not estate.settings.experiments.tracking_server:
        assert not servers
        return
    (server,) = servers.values()
    assert server["tracking_server_name"] == estate.names.tracking_server
    assert server["artifact_store_uri"] == EXPERIMENTS.uri(estate.names)
