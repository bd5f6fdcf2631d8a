"""A field of devices with what the estate declares of provisioning, applied by real Terraform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import session_of
from device_field import ENVIRONMENT, Field

from contracts.names import Names
from infra.synthesis import synthesise
from infra.verbs import terraform_for
from localcloud.launch import running

_PARTS = ("provisioning_", "confirmation_", "ingestion_thing_type", "ingestion_device_policy")


@contextmanager
def field_with_provisioning(home: Path) -> Iterator[Field]:
    """A cloud with thing type, policies, templates, hook and confirmation.

    Of the pipeline's stack all that provisioning is made of is applied; the allow-list, which
    belongs to the data stack, is made here, without that stack's key.
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
        _apply(names, home / "terraform")
        yield Field(cloud, aws, names, home / "devices")


def _apply(names: Names, home: Path) -> None:
    synthesise([ENVIRONMENT], names, home, "local")
    folder = home / ENVIRONMENT / "pipeline"
    path = folder / "cdk.tf.json"
    document = json.loads(path.read_text())
    document["resource"] = {
        kind: kept
        for kind, resources in document["resource"].items()
        if (kept := {name: one for name, one in resources.items() if name.startswith(_PARTS)})
    }
    path.write_text(json.dumps(document))
    terraform = terraform_for(home)
    terraform.init(folder, home / "data")
    terraform.plan(folder, home / "data", lambda _: None)
    terraform.apply(folder, home / "data", lambda _: None)
    again = terraform.plan(folder, home / "data", lambda _: None, save=False)
    assert not again.changes, again
