"""Settings of the local cloud and the files in its home folder."""

from __future__ import annotations

import json
import secrets
import shlex
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 4566
DEFAULT_MQTT_PORT = 8883
DEFAULT_HOME = Path(".lakecast")
REGION = "eu-west-1"
ACCOUNT_ID = "000000000000"


@dataclass(frozen=True)
class CloudConfig:
    """Settings of a local cloud.

    Parameters
    ----------
    home
        Folder of the cloud's state; each cloud needs its own.
    port
        Port of AWS's HTTP API on 127.0.0.1.
    mqtt_port
        Port of IoT Core's MQTT broker (mutual TLS) on 127.0.0.1.
    """

    home: Path = DEFAULT_HOME
    port: int = DEFAULT_PORT
    mqtt_port: int = DEFAULT_MQTT_PORT
    region: str = REGION
    account_id: str = ACCOUNT_ID

    @property
    def endpoint_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def environment_file(self) -> Path:
        """Shell file with the variables that an AWS client needs."""
        return self.home / "local.env"

    @property
    def sdk_config_file(self) -> Path:
        """Configuration of the SageMaker Python SDK for this cloud."""
        return self.home / "sagemaker.yaml"

    @property
    def ca_file(self) -> Path:
        """Certificate authority of the MQTT broker in PEM."""
        return self.home / "mqtt-ca.pem"

    @property
    def log_file(self) -> Path:
        return self.home / "localcloud.log"

    @property
    def lock_file(self) -> Path:
        """File that the serving process locks while it runs; holds its process id."""
        return self.home / "serving.lock"

    @property
    def record_file(self) -> Path:
        """File with process id and ports, written when the cloud is ready."""
        return self.home / "serving.json"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def objects(self) -> Path:
        """Objects in S3."""
        return self.home / "s3"

    @property
    def temporary(self) -> Path:
        """Temporary files, such as extracted Lambda functions; emptied at every start."""
        return self.home / "tmp"


@dataclass(frozen=True)
class Credentials:
    """The administrator's access key, created once per home folder."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def of(cls, config: CloudConfig) -> Credentials:
        """Reads the key from the home folder, or creates one that only its owner can read."""
        path = config.home / "credentials.json"
        if not path.exists():
            path.touch(mode=0o600)
            created = {
                "access_key_id": f"AKIALOCAL{secrets.token_hex(6).upper()[:11]}",
                "secret_access_key": secrets.token_urlsafe(30),
            }
            path.write_text(json.dumps(created, allow_nan=False))
        stored = json.loads(path.read_text())
        return cls(stored["access_key_id"], stored["secret_access_key"])


def client_environment(config: CloudConfig, credentials: Credentials) -> dict[str, str]:
    """Returns the variables of ``local.env``, which point AWS clients and devices to this cloud."""
    return {
        "AWS_ENDPOINT_URL": config.endpoint_url,
        "AWS_REGION": config.region,
        "AWS_DEFAULT_REGION": config.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(config.sdk_config_file.absolute()),
        "LAKECAST_MQTT_HOST": LOOPBACK,
        "LAKECAST_MQTT_PORT": str(config.mqtt_port),
        "LAKECAST_MQTT_CA_FILE": str(config.ca_file.absolute()),
        "LAKECAST_UNTHROTTLED": "1",  # this broker has no quotas
    }


def write_environment(config: CloudConfig, variables: dict[str, str]) -> None:
    """Writes ``local.env``, readable only by its owner, and the SageMaker SDK's configuration."""
    config.sdk_config_file.write_text(sdk_config(config))
    path = config.environment_file
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    path.write_text("".join(lines))


def remove_environment(config: CloudConfig) -> None:
    """Removes the files of `write_environment`, if any."""
    config.environment_file.unlink(missing_ok=True)
    config.sdk_config_file.unlink(missing_ok=True)


def sdk_config(config: CloudConfig) -> str:
    """Returns the configuration of the SageMaker Python SDK, version 3.

    Without a default bucket, the SDK asks STS for the account at ``https://sts.REGION.amazonaws.com``
    whatever ``AWS_ENDPOINT_URL`` says; telemetry would leave this machine.
    https://sagemaker.readthedocs.io/en/stable/overview.html#configuring-and-using-defaults-with-the-sagemaker-python-sdk
    """
    return f"""SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      Session:
        DefaultS3Bucket: sagemaker-{config.region}-{config.account_id}
      TelemetryOptOut: true
"""


def read_environment(path: Path) -> dict[str, str]:
    """Reads the variables in a ``local.env``."""
    words = shlex.split(path.read_text(), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)
