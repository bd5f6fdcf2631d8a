from __future__ import annotations

from pathlib import Path

import pytest

from contracts.names import ENVIRONMENTS
from infra.settings import FOLDER, Settings, SettingsError


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_has_valid_settings(environment):
    settings = Settings.load(environment)

    assert settings.environment.name == environment
    assert set(settings.tags.of(environment)) == {
        "project",
        "environment",
        "owner",
        "cost-centre",
        "data-class",
    }
    assert settings.alarms.targets == []


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_data_of_staging_and_prod_is_protected(environment):
    settings = Settings.load(environment)

    assert settings.protection.prevent_destroy
    assert not settings.protection.force_destroy
    assert settings.storage.lifecycle
    assert settings.state.backend == "s3"


def changed(tmp_path: Path, old: str, new: str, environment: str = "prod") -> Path:
    text = (FOLDER / f"{environment}.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / f"{environment}.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('name = "prod"', 'name = "dev"', "environment.name must be 'prod'"),
        ("log_days = 365", "log_days = 300", "retention.log_days must be one of"),
        ("log_days = 365", 'log_days = "365"', "retention.log_days must be a whole number"),
        ("log_days = 365", "log_days = true", "retention.log_days must be a whole number"),
        ("force_destroy = false", "force_destroy = true", "protection.force_destroy must be false"),
        ("key_deletion_days = 30", "key_deletion_days = 5", "protection.key_deletion_days"),
        ("buffer_mb = 64", "buffer_mb = 256", "delivery.buffer_mb must be 1 to 128"),
        ("buffer_mb = 64", "", "delivery.buffer_mb is missing"),
        ('version = "5.1"', 'version = "4.0"', "glue.version must be one of 5.1, 6.0"),
        ("workers = 10", "wrokers = 10", "glue.wrokers is not a setting"),
        ("origins = 28", "origins = 1", "retraining.origins must be 5 to 60"),
        ('approval = "PendingManualApproval"', 'approval = "Yes"', "approval must be one of"),
        ("most_coverage_80 = 0.90", "most_coverage_80 = 0.70", "most_coverage_80 must be above"),
        ("drift_of_days = 5", "drift_of_days = 8", "forecasts.drift_of_days must be 1 to 7"),
        ("drift_days = 3", "drift_days = 6", "forecasts.drift_days must be 1 to drift_of_days"),
        (
            "max_quarantined_share = 0.02",
            "max_quarantined_share = 2.0",
            "quality.max_quarantined_share must be 0 to 1",
        ),
        (
            "max_quarantined_share = 0.02",
            "max_quarantined_share = 1",
            "quality.max_quarantined_share must be a number with a point",
        ),
        ("concurrent_runs = 4", "concurrent_runs = 0", "glue.concurrent_runs must be at least 1"),
        ('epochs = "7"', "epochs = 7", "training.deepar must hold strings"),
        ('epochs = "7"', 'epoch = "7"', "training.deepar.epoch is no hyperparameter of deepar"),
        ("[training.deepar]", "[training.rnn]", "training.deepar is missing"),
        ("targets = []", "targets = [1]", "alarms.targets must hold strings"),
        (
            "max_data_age_seconds = 900",
            "max_data_age_seconds = 300",
            "alarms.max_data_age_seconds must be more than 300",
        ),
        ("silent_minutes = 60", "silent_minutes = 2000", "alarms.silent_minutes must be 0 to 1440"),
        ("max_rule_failures = 10", "max_rule_failures = -1", "alarms.max_rule_failures"),
        ("[budget]", "[bugdet]", "bugdet is not a setting"),
        ("[budget]", "[budget", "is not TOML"),
        ("reserved_concurrency = 50", "reserved_concurrency = 0", "api.reserved_concurrency"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(tmp_path, old, new, complaint):
    folder = changed(tmp_path, old, new)

    with pytest.raises(SettingsError) as refusal:
        Settings.load("prod", folder)

    assert complaint in str(refusal.value)
    assert "prod.toml" in str(refusal.value)


def test_an_unknown_environment_is_refused():
    with pytest.raises(SettingsError, match="ENV must be one of local, dev, staging, prod"):
        Settings.load("production")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"dev\.toml is missing"):
        Settings.load("dev", tmp_path)
