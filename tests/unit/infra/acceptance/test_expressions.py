"""Expressions in texts of the estate are ones that AWS evaluates; it gives no error for others.

An unknown variable of a policy is empty, one of an access log is ``-``, and an unknown function of
a rule fails for every message.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from contracts.names import ENVIRONMENTS
from tests.unit.infra.test_stacks import Estate

KNOWN = {
    key: frozenset(one["names"])
    for key, one in tomllib.loads(
        Path(__file__).with_name("expressions.toml").read_text(encoding="utf-8")
    ).items()
}
IN_TEMPLATES = KNOWN["templates_of_api_gateway"]
IN_ACCESS_LOGS = IN_TEMPLATES | KNOWN["access_logs_of_api_gateway"]
# https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-sql-version.html
SQL_VERSIONS = ("2015-10-08", "2016-03-23", "beta")
# https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
IN_PREFIXES = re.compile(
    r"timestamp:[yMdHmsSEa/'\w.,=-]+|firehose:(random-string|error-output-type)"
    r"|partitionKeyFromQuery:\w+|partitionKeyFromLambda:\w+"
)


@pytest.fixture(params=ENVIRONMENTS)
def estate(request, synthesised):
    return Estate(synthesised, request.param)


def contexts(text, allowed):
    """Returns the variables of API Gateway that a text must not have."""
    return set(re.findall(r"\$context\.([\w.]*\w)", text)) - allowed


def test_access_logs_and_responses_have_known_variables(estate):
    (stage,) = estate.resources("aws_api_gateway_stage").values()
    text = stage["access_log_settings"]["format"]
    assert "$context." in text
    assert contexts(text, IN_ACCESS_LOGS) == set()
    responses = estate.resources("aws_api_gateway_gateway_response").values()
    templates = [one for each in responses for one in each["response_templates"].values()]
    assert any("$context.error." in one for one in templates)
    assert [one for one in templates if contexts(one, IN_TEMPLATES)] == []


def policy_faults(policy):
    """Returns the unknown variables of a policy of AWS IoT, as it is written for Terraform."""
    return {
        name
        for name in re.findall(r"\$\$\{([^}]*)\}", policy)
        if name not in KNOWN["policies_of_iot"]
        and not name.startswith("iot:Connection.Thing.Attributes[")
    }


def test_policies_of_devices_have_known_variables(estate):
    policies = [one["policy"] for one in estate.resources("aws_iot_policy").values()]
    assert any("$${" in one for one in policies)
    assert [one for one in policies if policy_faults(one)] == []


def sql_faults(sql):
    """Returns the functions of a statement or a substitution that AWS IoT does not have."""
    without_texts = re.sub(r"'[^']*'|\"[^\"]*\"", "''", sql)
    return {one.lower() for one in re.findall(r"(\w+)\s*\(", without_texts)} - KNOWN["rules_of_iot"]


def test_rules_of_aws_iot_have_known_functions(estate):
    checked = 0
    for rule in estate.resources("aws_iot_topic_rule").values():
        assert rule["sql_version"] in SQL_VERSIONS
        substitutions = re.findall(r"\$\$\{([^}]*)\}", str(rule.get("error_action", "")))
        for text in (rule["sql"], *substitutions):
            assert sql_faults(text) == set(), text
            checked += 1
    assert checked >= 4


def prefix_faults(prefix, errors):
    """Returns why Firehose refuses the prefixes of objects and of objects in error."""
    found = [
        f"!{{{one}}} is unknown"
        for one in re.findall(r"!\{([^}]*)\}", prefix + errors)
        if not IN_PREFIXES.fullmatch(one)
    ]
    if "!{firehose:error-output-type}" in prefix:
        found.append("error-output-type is for errors only")
    if "!{" in prefix and "!{firehose:error-output-type}" not in errors:
        found.append("the prefix of errors needs !{firehose:error-output-type}")
    return found


def test_prefixes_of_delivery_streams_are_accepted(estate):
    (stream,) = estate.resources("aws_kinesis_firehose_delivery_stream").values()
    target = stream["extended_s3_configuration"]
    assert "!{timestamp:" in target["prefix"]
    assert prefix_faults(target["prefix"], target["error_output_prefix"]) == []


@pytest.mark.parametrize(
    "found",
    [
        contexts('{"id": "$context.requestID"}', IN_ACCESS_LOGS),
        contexts('{"took": $context.responseLatency}', IN_TEMPLATES),
        contexts("$context.error.validationErrors.", IN_TEMPLATES),
        policy_faults("client/$${iot:Connection.Thing.Name}"),
        policy_faults("client/$${iot:ThingName}"),
        sql_faults("SELECT topics(2) FROM 'a'"),
        sql_faults('parse_times("yyyy", timestamp(), "UTC")'),
        prefix_faults("a/!{timestamps:yyyy}/", "!{firehose:error-output-type}/"),
        prefix_faults("a/!{timestamp:yyyy}/", "errors/"),
        prefix_faults("a/!{firehose:error-output-type}/", "!{firehose:error-output-type}/"),
    ],
    ids=" ".join,
)
def test_an_unknown_expression_is_found(found):
    assert len(found) == 1
