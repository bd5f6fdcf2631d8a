"""Settings of the environments: what they are, and how files that make no sense are refused."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from contracts.names import ENVIRONMENTS
from contracts.settings.layers import Layers, SettingsError
from contracts.settings.load import FOLDER, effective, load

BOOSTING = """[forecast.training.hyperparameters.boosting]
time_freq = "H"
prediction_length = "24"
"""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_has_valid_settings(environment):
    settings = load(environment)

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
    settings = load(environment)

    assert settings.protection.prevent_destroy
    assert not settings.protection.force_destroy
    assert settings.storage.lifecycle
    assert settings.state.backend == "s3"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_effective_settings_are_toml_that_loads_as_the_same_settings(environment, tmp_path):
    printed = "\n".join(map(str, effective(environment)))
    (tmp_path / "base.toml").write_text("")
    (tmp_path / f"{environment}.toml").write_text(printed)

    assert load(environment, tmp_path) == load(environment)


def test_effective_settings_name_the_file_that_sets_each():
    settings = {one.key: one for one in effective("prod")}

    assert str(settings["glue.workers"]) == "glue.workers = 10 # prod.toml"
    assert str(settings["glue.worker_type"]) == 'glue.worker_type = "G.1X" # base.toml'
    assert settings["forecast.training.hyperparameters.deepar.epochs"].value == "7"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environments_file_holds_only_what_differs_from_the_base(environment):
    base = dict(Layers.read(FOLDER / "base.toml").leaves())
    own = dict(Layers.read(FOLDER / f"{environment}.toml").leaves())

    assert {key for key, value in own.items() if key in base and base[key] == value} == set()


def changed(tmp_path: Path, old: str, new: str, environment: str = "prod") -> tuple[Path, str]:
    """Settings in which a text is replaced, and the file that held it."""
    found = ""
    for name in (f"{environment}.toml", "base.toml"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        if old in text and not found:
            text, found = text.replace(old, new, 1), name
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert found
    return tmp_path, found


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('name = "prod"', 'name = "dev"', "environment.name must be 'prod'"),
        (
            'name = "prod"',
            'name = "prod"\naccount = "12345"',
            "environment.account must be 12 digits; got '12345'",
        ),
        ("log_days = 365", "log_days = 300", "retention.log_days must be one of"),
        ("log_days = 365", 'log_days = "365"', "retention.log_days must be a whole number"),
        ("log_days = 365", "log_days = true", "retention.log_days must be a whole number"),
        ("force_destroy = false", "force_destroy = true", "protection.force_destroy must be false"),
        ("key_deletion_days = 30", "key_deletion_days = 5", "protection.key_deletion_days"),
        ("buffer_mb = 64", "buffer_mb = 256", "delivery.buffer_mb must be 1 to 128; got 256"),
        ('version = "5.1"', 'version = "4.0"', "glue.version must be one of 5.1, 6.0; got '4.0'"),
        ('version = "5.1"', "version = 5.1", "glue.version must be a string, one of 5.1, 6.0"),
        ("workers = 10", "wrokers = 10", "glue.wrokers is not a setting; known: version, worker"),
        ("workers = 10", "workers = 1", "glue.workers must be at least 2 (one of them drives)"),
        ("origins = 28", "origins = 1", "forecast.retraining.origins must be 5 to 60"),
        ('approval = "PendingManualApproval"', 'approval = "Yes"', "approval must be one of"),
        ("most_coverage_80 = 0.90", "most_coverage_80 = 0.70", "most_coverage_80 must be above"),
        ("drift_of_days = 5", "drift_of_days = 8", "forecast.nightly.drift_of_days must be 1 to 7"),
        ("drift_days = 3", "drift_days = 6", "drift_days must be 1 to drift_of_days"),
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
        (
            'epochs = "7"',
            "epochs = 7",
            "hyperparameters.deepar.epochs must be a string",
        ),
        (
            'epochs = "7"',
            'epoch = "7"',
            "forecast.training.hyperparameters.deepar.epoch is not a setting; known",
        ),
        ("hyperparameters.deepar", "hyperparameters.forest", "forest is not a setting; known: boo"),
        (
            'algorithm = "boosting"',
            'algorithm = "x"',
            "forecast.training.algorithm must be one of boosting",
        ),
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
        (
            "reserved_concurrency = -1",
            "reserved_concurrency = 0",
            "forecast.api.reserved_concurrency",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_file_and_key(tmp_path, old, new, complaint):
    folder, file = changed(tmp_path, old, new)

    with pytest.raises(SettingsError) as refusal:
        load("prod", folder)

    (line,) = (line for line in str(refusal.value).splitlines() if complaint in line)
    assert line.startswith(str(tmp_path / file))


@pytest.mark.parametrize(
    ("file", "old", "key"),
    [
        ("base.toml", "buffer_mb = 64", "delivery.buffer_mb"),
        ("prod.toml", "monthly_usd = 3000", "budget.monthly_usd"),
        ("base.toml", BOOSTING, "forecast.training.hyperparameters.boosting"),
    ],
)
def test_a_missing_setting_may_stand_in_either_file(tmp_path, file, old, key):
    folder, found = changed(tmp_path, old, "")
    assert found == file

    with pytest.raises(SettingsError) as refusal:
        load("prod", folder)

    either = f"{folder / 'base.toml'} or {folder / 'prod.toml'}"
    assert f"{either}: {key} is missing" in str(refusal.value)


def test_all_errors_of_settings_are_reported_together(tmp_path):
    changed(tmp_path, "workers = 10", 'workers = "10"')
    base = (tmp_path / "base.toml").read_text()
    (tmp_path / "base.toml").write_text(base.replace("buffer_mb = 64", "buffer_mb = 0"))

    with pytest.raises(SettingsError) as refusal:
        load("prod", tmp_path)

    assert str(refusal.value).splitlines() == [
        f"{tmp_path / 'base.toml'}: delivery.buffer_mb must be 1 to 128; got 0",
        f"{tmp_path / 'prod.toml'}: glue.workers must be a whole number; got '10'",
    ]


def test_a_schedule_may_be_never():
    own = tomllib.loads((FOLDER / "local.toml").read_text())

    assert own["forecast"]["retraining"]["schedule"] == "never"
    assert load("local").forecast.retraining.schedule is None
    assert load("dev").forecast.retraining.schedule == "cron(0 4 ? * MON *)"


def test_an_unknown_environment_is_refused():
    with pytest.raises(SettingsError, match="ENV must be one of local, dev, staging, prod"):
        load("production")


@pytest.mark.parametrize("missing", ["base", "dev"])
def test_a_missing_file_is_named(tmp_path, missing):
    for name in {"base", "dev"} - {missing}:
        shutil.copy(FOLDER / f"{name}.toml", tmp_path)

    with pytest.raises(SettingsError, match=rf"{missing}\.toml is missing"):
        load("dev", tmp_path)
