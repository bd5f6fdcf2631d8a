"""Tests of the files in the home folder."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from localcloud.cloud.home import (
    CloudConfig,
    Credentials,
    client_environment,
    read_environment,
    remove_environment,
    write_environment,
)


def test_the_key_is_created_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    config = CloudConfig(home=tmp_path)
    made = Credentials.of(config)
    assert Credentials.of(config) == made
    assert len(made.access_key_id) == 20
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    assert made.secret_access_key not in repr(made)


def test_two_homes_have_two_keys(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (Credentials.of(CloudConfig(home=tmp_path / name)) for name in ("a", "b"))
    assert first.secret_access_key != second.secret_access_key


@pytest.mark.parametrize("folder", ["plain", "with space", "it's"])
def test_the_environment_file_is_read_as_written(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    home.mkdir()
    config = CloudConfig(home=home, port=1234, mqtt_port=2345)
    variables = client_environment(config, Credentials.of(config))
    write_environment(config, variables)
    assert read_environment(config.environment_file) == variables
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1234"
    assert variables["LAKECAST_MQTT_PORT"] == "2345"
    assert variables["LAKECAST_UNTHROTTLED"] == "1"
    assert Path(variables["LAKECAST_MQTT_CA_FILE"]).is_absolute()
    sdk_config = yaml.safe_load(Path(variables["SAGEMAKER_USER_CONFIG_OVERRIDE"]).read_text())
    modules = sdk_config["SageMaker"]["PythonSDK"]["Modules"]
    assert modules["Session"]["DefaultS3Bucket"] == "sagemaker-eu-west-1-000000000000"
    remove_environment(config)
    assert not config.environment_file.exists()
    assert not config.sdk_config_file.exists()
