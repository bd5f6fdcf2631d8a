"""AWS Glue Data Quality rulesets of the curated tables.

AWS evaluates them on demand, or on a schedule set in the console. ``make quality`` evaluates
`contracts.lake.expectations` itself, in every environment.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.glue_data_quality_ruleset import (
    GlueDataQualityRuleset,
    GlueDataQualityRulesetTargetTable,
)
from constructs import Construct

from contracts.lake.expectations import EXPECTATIONS, ruleset
from contracts.names import Names


@dataclass(frozen=True)
class QualityRulesInputs:
    """Names of the environment."""

    names: Names


class QualityRules(Construct):
    """A ruleset for each table with expectations."""

    def __init__(self, scope: Construct, id_: str, inputs: QualityRulesInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        for table, expectations in EXPECTATIONS.items():
            GlueDataQualityRuleset(
                self,
                table,
                name=names.part(table.replace("_", "-")),
                description=f"Expectations of {table}",
                ruleset=ruleset(expectations),
                target_table=GlueDataQualityRulesetTargetTable(
                    database_name=names.database, table_name=table
                ),
            )
