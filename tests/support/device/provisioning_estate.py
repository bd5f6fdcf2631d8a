"""A local cloud with the estate's provisioning resources, applied by Terraform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contracts.names import Names
from localcloud.cloud.launch import running
from tests.support import part_of_estate
from tests.support.device.field import ENVIRONMENT, Field
from tests.support.sessions import session_of

_PARTS = ("provisioning_", "confirmation_", "ingestion_thing_type", "ingestion_device_policy")


@contextmanager
def field_with_provisioning(home: Path) -> Iterator[Field]:
    """Start a cloud with thing type, policies, templates, hook and confirmation.

    The provisioning resources of the pipeline stack are applied. The allow-list belongs to the data
    stack and is created here, without that stack's key.
    """
    with running(home=home / "cloud") as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.env.items():
            patch.setenv(name, value)
        patch.setenv("LAKECAST_ENV", ENVIRONMENT)
        aws = session_of(cloud)
        names = Names.from_aws(aws, ENVIRONMENT)
        aws.client("dynamodb").create_table(
            TableName=names.allow_list_table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "serial_number", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "serial_number", "AttributeType": "S"}],
        )
        part_of_estate.apply(names, home / "terraform", _PARTS)
        yield Field(cloud, aws, names, home / "devices")
