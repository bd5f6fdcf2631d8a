"""Settings of the function, read from its environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Settings of one environment.

    Parameters
    ----------
    environment
        Value of the metrics' dimension ``environment``.
    endpoint
        SageMaker endpoint that answers forecasts.
    curated_bucket
        Bucket with the devices' recent history.
    interactions_table
        DynamoDB table of requested and returned forecasts.
    retention_days
        Days until an interaction expires.
    """

    environment: str
    endpoint: str
    curated_bucket: str
    interactions_table: str
    retention_days: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables that are described in ``handler``.

        Raises
        ------
        ValueError
            A variable is missing, or the retention is not a positive number of days.
        """
        names = (
            "LAKECAST_ENV",
            "ENDPOINT_NAME",
            "CURATED_BUCKET",
            "INTERACTIONS_TABLE",
            "INTERACTION_RETENTION_DAYS",
        )
        missing = [name for name in names if not environ.get(name)]
        if missing:
            raise ValueError(f"set {', '.join(missing)} in the function's environment variables")
        days = environ["INTERACTION_RETENTION_DAYS"]
        if not days.isdecimal() or int(days) < 1:
            raise ValueError(
                f"INTERACTION_RETENTION_DAYS must be a positive number of days; got {days!r}"
            )
        return cls(
            environment=environ["LAKECAST_ENV"],
            endpoint=environ["ENDPOINT_NAME"],
            curated_bucket=environ["CURATED_BUCKET"],
            interactions_table=environ["INTERACTIONS_TABLE"],
            retention_days=int(days),
        )
