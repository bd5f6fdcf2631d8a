"""Tests the settings that the function reads from its environment."""

from __future__ import annotations

import pytest
from forecast_api.settings import Settings

ENVIRONMENT = {
    "LAKECAST_ENV": "dev",
    "ENDPOINT_NAME": "lakecast-dev-forecast",
    "CURATED_BUCKET": "lakecast-dev-curated-000000000000",
    "INTERACTIONS_TABLE": "lakecast-dev-interactions",
    "INTERACTION_RETENTION_DAYS": "30",
}


def test_settings_are_read_from_the_environment():
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.endpoint == "lakecast-dev-forecast"
    assert settings.retention_days == 30


def test_all_missing_variables_are_named():
    with pytest.raises(ValueError, match="set ENDPOINT_NAME, INTERACTIONS_TABLE in"):
        Settings.from_environment(ENVIRONMENT | {"ENDPOINT_NAME": "", "INTERACTIONS_TABLE": ""})


@pytest.mark.parametrize("days", ["0", "-1", "a month", "1.5"])
def test_a_retention_is_a_positive_number_of_days(days):
    with pytest.raises(ValueError, match="positive number of days"):
        Settings.from_environment(ENVIRONMENT | {"INTERACTION_RETENTION_DAYS": days})
