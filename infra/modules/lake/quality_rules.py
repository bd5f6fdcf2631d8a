"""AWS Glue Data Quality rulesets of the curated tables.

AWS evaluates them when it is asked to, or on a schedule of the console; what is evaluated in every
environment is `contracts.lake.expectations` itself, by ``make quality``.
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
    """Whose tables they are."""

    names: Names


class QualityRules(Construct):
    """A ruleset for each table of which something is expected."""

    def __init__(self, scope: Construct, id_: str, inputs: QualityRulesInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        for table, expectations in EXPECTATIONS.items():
            GlueDataQualityRuleset(
                self,
                table,
                name=names.part(table.replace("_", "-")),
                description=f"What must hold of {table}",
                ruleset=ruleset(expectations),
                target_table=GlueDataQualityRulesetTargetTable(
                    database_name=names.database, table_name=table
                ),
            )
