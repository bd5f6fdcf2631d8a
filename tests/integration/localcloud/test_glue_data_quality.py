"""Tests of data quality rulesets through Glue's API."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from contracts.lake.expectations import EXPECTATIONS, ruleset

TABLE = {"DatabaseName": "lake", "TableName": "readings"}
RULES = ruleset(EXPECTATIONS["telemetry"])


def test_a_ruleset_is_created_changed_listed_and_deleted(aws: boto3.Session) -> None:
    glue = aws.client("glue")
    glue.create_data_quality_ruleset(
        Name="readings", Description="d", Ruleset=RULES, TargetTable=TABLE, Tags={"owner": "us"}
    )
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_data_quality_ruleset(Name="readings", Ruleset=RULES)
    glue.create_data_quality_ruleset(Name="others", Ruleset="Rules = [ RowCount > 1 ]")
    made = glue.get_data_quality_ruleset(Name="readings")
    assert (made["Ruleset"], made["TargetTable"]) == (RULES, TABLE)

    glue.update_data_quality_ruleset(Name="readings", Ruleset="Rules = [ RowCount > 0 ]")
    changed = glue.get_data_quality_ruleset(Name="readings")
    assert changed["Ruleset"] == "Rules = [ RowCount > 0 ]"
    assert changed["Description"] == "d"
    assert changed["LastModifiedOn"] >= changed["CreatedOn"] == made["CreatedOn"]

    def listed(**filters: object) -> list[str]:
        return [one["Name"] for one in glue.list_data_quality_rulesets(**filters)["Rulesets"]]

    assert {"readings", "others"} <= set(listed())
    assert listed(Filter={"TargetTable": TABLE}) == ["readings"]
    for name in ("readings", "others"):
        glue.delete_data_quality_ruleset(Name=name)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_data_quality_ruleset(Name="readings")


def test_invalid_dqdl_and_evaluation_runs_are_refused(aws: boto3.Session) -> None:
    glue = aws.client("glue")
    with pytest.raises(glue.exceptions.InvalidInputException, match="expected DQDL of the form"):
        glue.create_data_quality_ruleset(Name="broken", Ruleset="RowCount > 0")
    with pytest.raises(ClientError):
        glue.start_data_quality_ruleset_evaluation_run(
            DataSource={"GlueTable": TABLE}, Role="r", RulesetNames=["broken"]
        )
