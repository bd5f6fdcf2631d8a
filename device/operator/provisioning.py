"""Provisions a device through AWS IoT's API: thing, certificate, policy and connection kit.

Terraform creates the thing type and the policies. This module creates one certificate per device,
so that a stolen device can be revoked alone. It needs AWS credentials; devices in the field use
`device.certificates.claim` instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts.messages.telemetry import is_thing_name
from contracts.names import Names
from device.errors import KitError, ProvisioningError
from device.mqtt.kit import (
    CERTIFICATE,
    PRIVATE_KEY,
    SETTINGS,
    Broker,
    ConnectionKit,
    write_private,
)


@dataclass(frozen=True)
class Provisioner:
    """Provisions devices in one environment.

    Parameters
    ----------
    iot
        boto3 client of AWS IoT.
    """

    iot: Any
    names: Names
    broker: Broker

    def provision(self, thing_name: str, folder: Path) -> ConnectionKit:
        """Register a device and write its kit; a kit with an active certificate is kept.

        The broker's address in a kept kit is updated. If a kit's certificate is no longer
        registered or active, it gets a new one and keeps its outbox.

        Raises
        ------
        ProvisioningError
            The thing name is invalid, thing type or policies are missing, or AWS returned an error.
        KitError
            The folder holds a kit of another thing, environment or account, or can't be written.
        """
        if not is_thing_name(thing_name):
            raise ProvisioningError(
                f"a thing's name is 1 to 128 of a-z A-Z 0-9 : _ -; got {thing_name!r}"
            )
        try:
            self._require_estate()
            self.iot.create_thing(thingName=thing_name, thingTypeName=self.names.thing_type)
            kit = self._kept(thing_name, folder) or self._new(thing_name, folder)
            certificate_arn = self._certificate(kit.certificate_id)["certificateArn"]
            for policy in self._policies:
                self.iot.attach_policy(policyName=policy, target=certificate_arn)
            self.iot.attach_thing_principal(thingName=thing_name, principal=certificate_arn)
        except (ClientError, BotoCoreError) as error:
            raise ProvisioningError(f"provisioning {thing_name}: {error}") from error
        return kit.save(self.broker)

    @property
    def _policies(self) -> tuple[str, str]:
        return self.names.device_policy, self.names.renewal_policy

    def _require_estate(self) -> None:
        for what, call, name in (
            ("thing type", self.iot.describe_thing_type, {"thingTypeName": self.names.thing_type}),
            *(("policy", self.iot.get_policy, {"policyName": name}) for name in self._policies),
        ):
            try:
                call(**name)
            except self.iot.exceptions.ResourceNotFoundException as error:
                raise ProvisioningError(
                    f"IoT {what} {next(iter(name.values()))} does not exist; "
                    f"run `make apply ENV={self.names.environment}` first"
                ) from error

    def _certificate(self, certificate_id: str) -> dict[str, Any]:
        answer = self.iot.describe_certificate(certificateId=certificate_id)
        description: dict[str, Any] = answer["certificateDescription"]
        return description

    def _kept(self, thing_name: str, folder: Path) -> ConnectionKit | None:
        if not (folder / SETTINGS).exists():
            return None
        kit = ConnectionKit.load(folder)
        expected = (thing_name, self.names.environment, self.names.account_id)
        found = (kit.thing_name, kit.environment, kit.account_id)
        if found != expected:
            raise KitError(
                f"{folder} holds the kit of {'/'.join(found)}, not of {'/'.join(expected)} "
                "(thing/environment/account); name another folder"
            )
        try:
            active = self._certificate(kit.certificate_id)["status"] == "ACTIVE"
        except self.iot.exceptions.ResourceNotFoundException:
            return None
        return kit if active else None

    def _new(self, thing_name: str, folder: Path) -> ConnectionKit:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise KitError(f"connection kit {folder}: {error}") from error
        made = self.iot.create_keys_and_certificate(setAsActive=True)
        kit = ConnectionKit(
            folder=folder,
            thing_name=thing_name,
            environment=self.names.environment,
            account_id=self.names.account_id,
            certificate_id=made["certificateId"],
            host=self.broker.host,
            port=self.broker.port,
            ca=None,
        )
        try:
            write_private(folder / PRIVATE_KEY, made["keyPair"]["PrivateKey"])
            write_private(folder / CERTIFICATE, made["certificatePem"])
        except OSError as error:
            raise KitError(f"connection kit {folder}: {error}") from error
        return kit


def broker_of(iot: Any, host: str | None, port: int, ca_file: Path | None) -> Broker:
    """Return the given broker, or the account's endpoint signed by Amazon Trust Services.

    Raises
    ------
    ProvisioningError
        AWS did not return the endpoint.
    """
    if host:
        return Broker(host, port, ca_file)
    try:
        answer = iot.describe_endpoint(endpointType="iot:Data-ATS")
    except (ClientError, BotoCoreError) as error:
        raise ProvisioningError(f"asking for the MQTT endpoint: {error}") from error
    return Broker(host=answer["endpointAddress"])
