"""The estate needs no service that AWS has closed to new customers."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

import botocore.session
import pytest

from contracts.names import ENVIRONMENTS
from infra.estate.closed_services import (
    ClosedServiceError,
    closed_services,
    refuse_closed_services,
)
from infra.estate.synthesis import node
from infra.modules.core.packaging import REPOSITORY
from tests.support.sessions import ACCOUNT, REGION
from tests.unit.infra.test_stacks import Estate

SERVICES = closed_services()
OF_SERVICES = (
    "sagemaker", "sagemaker-a2i-runtime", "forecast", "frauddetector", "proton", "snowball"
)  # fmt: skip
"""botocore's services whose operations a state machine could call."""


def refused(resources, available=()):
    """Returns the error for a stack with these resources, or None."""
    try:
        refuse_closed_services("dev", {"data": {"resource": resources}}, available)
    except ClosedServiceError as error:
        return str(error)
    return None


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_estate_needs_no_closed_service(environment, synthesised):
    estate = Estate(synthesised, environment)
    refuse_closed_services(environment, estate.stacks, estate.settings.account.closed_services)


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)
def test_every_type_and_call_of_a_closed_service_is_refused(service):
    kinds = [one.replace("*", "thing") for one in service.types]
    machines = [
        {"definition": json.dumps({"Resource": f"arn:aws:states:::aws-sdk:{one}"})}
        for call in service.calls
        for one in (call, call.lower(), f"sagemaker:{call}")
    ]
    resources = [{kind: {"it": {}}} for kind in kinds]
    resources += [{"aws_sfn_state_machine": {"it": one}} for one in machines]
    assert resources
    for one in resources:
        message = refused(one)
        assert message is not None, one
        for part in (service.name, str(service.closed), service.source, service.instead, "data: "):
            assert part in message
        assert "account.closed_services in infra/environments/dev.toml" in message
        assert refused(one, [service.name]) is None


def test_other_resources_are_not_refused():
    assert refused({"aws_sagemaker_model_package_group": {"it": {}}}) is None
    definition = json.dumps({"Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync"})
    assert refused({"aws_sfn_state_machine": {"it": {"definition": definition}}}) is None


def test_an_unknown_name_in_the_settings_is_an_error():
    assert "got 'AWS Cloud 9'" in (refused({}, ["AWS Cloud 9"]) or "")


def test_every_type_and_call_of_the_table_exists():
    """A name with a mistake would refuse nothing."""
    (folder,) = importlib.util.find_spec("cdktf_cdktf_provider_aws").submodule_search_locations
    kinds = {f"aws_{one.name}" for one in Path(folder).iterdir() if one.is_dir()}
    loader = botocore.session.get_session().get_component("data_loader")
    names = set()
    for service in OF_SERVICES:
        model = loader.load_service_model(service, "service-2")
        names |= {one for each in model["operations"] for one in (each, f"{service}:{each}")}
        names |= {name for one in model["shapes"].values() for name in one.get("members", {})}
    for one in SERVICES:
        for pattern in one.types:
            assert any(fnmatchcase(kind, pattern) for kind in kinds), pattern
        assert set(one.calls) <= names, one.name


def test_every_row_has_a_date_and_a_source():
    for one in SERVICES:
        assert isinstance(one.closed, date)
        assert one.source.startswith("https://docs.aws.amazon.com/")
        assert one.types or one.calls
    assert len({one.name for one in SERVICES}) == len(SERVICES)


def test_synthesis_fails_with_the_reason(tmp_path):
    """With one small stack, because the synthesis of the real ones takes half a minute."""
    program = """
import sys
import infra.estate.app as app
from cdktf import TerraformStack

class Small(TerraformStack):
    def __init__(self, scope, id_, target):
        super().__init__(scope, id_)
        self.add_override("resource.aws_apprunner_service.api", {"service_name": "api"})

app.DataStack = app.PipelineStack = app.ServingStack = Small
sys.exit(app.main(sys.argv[1:]))
"""
    options = ["--account", ACCOUNT, "--region", REGION, "--output", str(tmp_path)]
    answer = subprocess.run(
        [sys.executable, "-c", program, "--env", "dev", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "JSII_NODE": str(node())},
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("dev/data: aws_apprunner_service.api needs AWS App Runner")
    assert not list(tmp_path.glob("dev/*/cdk.tf.json"))
