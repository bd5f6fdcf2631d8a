"""Names of all resources in one environment of the estate, derived and never looked up.

Infrastructure code assigns the names, clients find resources by them, and stacks refer to each
other through them. So all stacks can be planned before the first one is applied, and no part has to
read another part's Terraform state.
"""

from contracts.names.arns import arn
from contracts.names.estate import (
    BUCKET_PURPOSES,
    BUILD_SERIES,
    COMPACT,
    ENVIRONMENTS,
    GLUE_JOBS,
    MODEL_ROLE,
    ROLES,
    TELEMETRY_TO_PARQUET,
    Names,
    topic_rule,
)
from contracts.names.log_groups import (
    LogGroups,
    WorkloadLogGroups,
    endpoint_log_group,
    job_log_group,
)
from contracts.names.workloads import FORECAST, WORKLOADS, Workload

__all__ = [
    "BUCKET_PURPOSES",
    "BUILD_SERIES",
    "COMPACT",
    "ENVIRONMENTS",
    "FORECAST",
    "GLUE_JOBS",
    "MODEL_ROLE",
    "ROLES",
    "TELEMETRY_TO_PARQUET",
    "WORKLOADS",
    "LogGroups",
    "Names",
    "Workload",
    "WorkloadLogGroups",
    "arn",
    "endpoint_log_group",
    "job_log_group",
    "topic_rule",
]
