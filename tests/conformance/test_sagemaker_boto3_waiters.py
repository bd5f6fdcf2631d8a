"""Tests of boto3's unmodified waiters against the local cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import WaiterError

from tests.support.models.sagemaker_testbed import Studio, cloud_with_tiny_containers

SOON = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with cloud_with_tiny_containers(tmp_path_factory.mktemp("waiters")) as cloud:
        yield Studio(cloud).prepare()


def test_waiter_returns_when_a_training_job_has_completed(studio: Studio) -> None:
    studio.train("awaited")
    waiter = studio.sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName="awaited", WaiterConfig=SOON)
    assert studio.job("awaited")["TrainingJobStatus"] == "Completed"


def test_waiter_raises_an_error_for_a_failed_training_job(studio: Studio) -> None:
    studio.train("failing", hyperparameters={"behaviour": "fail"})
    waiter = studio.sagemaker.get_waiter("training_job_completed_or_stopped")
    with pytest.raises(WaiterError, match='matched expected path: "Failed"'):
        waiter.wait(TrainingJobName="failing", WaiterConfig=SOON)


def test_waiters_return_when_an_endpoint_is_in_service_and_deleted(studio: Studio) -> None:
    studio.model("awaited")
    studio.config("awaited", all=("awaited", 1))
    client = studio.sagemaker
    client.create_endpoint(EndpointName="awaited", EndpointConfigName="awaited")
    client.get_waiter("endpoint_in_service").wait(EndpointName="awaited", WaiterConfig=SOON)
    assert studio.ask("awaited")["model"] == "awaited"
    client.delete_endpoint(EndpointName="awaited")
    client.get_waiter("endpoint_deleted").wait(EndpointName="awaited", WaiterConfig=SOON)


def test_waiter_raises_an_error_for_a_failed_endpoint(studio: Studio) -> None:
    studio.model("dying", serve="die")
    studio.config("dying", all=("dying", 1))
    studio.sagemaker.create_endpoint(EndpointName="dying", EndpointConfigName="dying")
    waiter = studio.sagemaker.get_waiter("endpoint_in_service")
    with pytest.raises(WaiterError, match='matched expected path: "Failed"'):
        waiter.wait(EndpointName="dying", WaiterConfig=SOON)
