"""Assembles, starts and stops the SageMaker service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from localcloud.cloud.aws_api import Handler, JsonApi, Response
from localcloud.cloud.store import Store
from localcloud.services.sagemaker import admission, members
from localcloud.services.sagemaker.account import Account
from localcloud.services.sagemaker.cloudwatch import Telemetry
from localcloud.services.sagemaker.endpoints.deployments import Deployments
from localcloud.services.sagemaker.endpoints.endpoint_configs import EndpointConfigs
from localcloud.services.sagemaker.endpoints.endpoint_records import EndpointRecords
from localcloud.services.sagemaker.endpoints.endpoints import Endpoints
from localcloud.services.sagemaker.endpoints.models import Models
from localcloud.services.sagemaker.endpoints.runtime import Runtime
from localcloud.services.sagemaker.jobs.processing_jobs import ProcessingJobs
from localcloud.services.sagemaker.jobs.training_jobs import TrainingJobs
from localcloud.services.sagemaker.jobs.transform_jobs import TransformJobs
from localcloud.services.sagemaker.jobs.tuning_jobs import TuningJobs
from localcloud.services.sagemaker.options import Settings
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.registry.model_package_groups import ModelPackageGroups
from localcloud.services.sagemaker.registry.model_packages import OMITTED, ModelPackages
from localcloud.services.sagemaker.tags import Tags


class SageMaker:
    """Control plane and runtime, which share one service name in request signatures.

    Parameters
    ----------
    account
        Account and region; the service's state is stored in ``<home>/sagemaker``.
    """

    def __init__(self, account: Account, settings: Settings) -> None:
        self._account = account
        home = account.context.home / "sagemaker"
        home.mkdir(parents=True, exist_ok=True)
        self._store = Store(home / "state.db")
        telemetry = Telemetry(account, settings.publish_interval)
        tags = Tags(self._store)
        parts = Parts(account, self._store, settings, telemetry, tags)
        groups = ModelPackageGroups(parts)
        packages = ModelPackages(parts, groups)
        models = Models(parts, packages)
        configs = EndpointConfigs(parts, models)
        self._telemetry = telemetry
        training = TrainingJobs(parts)
        processing = ProcessingJobs(parts)
        transform = TransformJobs(parts, models)
        tuning = TuningJobs(parts, training)
        self._jobs = (tuning.jobs, training.jobs, processing.jobs, transform.jobs)
        records = EndpointRecords(parts)
        self._deployments = Deployments(parts, records)
        self._runtime = Runtime(parts, records, self._deployments)
        endpoints = Endpoints(parts, models, configs, records, self._deployments)
        registry = (groups, packages)
        jobs = (tuning, training, processing, transform)
        families = (*jobs, *registry, models, configs, endpoints, tags)
        self._control = JsonApi(
            "sagemaker",
            families,
            check=members.classes().check,
            omitted={"DescribeModelPackage": OMITTED},
        )

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"sagemaker": self._handle}

    async def start(self) -> None:
        """Restarts the endpoints that were in service; returns before they are ready."""
        self._telemetry.start()
        await self._runtime.start()
        for jobs in self._jobs:
            jobs.start()
        self._deployments.start()

    async def stop(self) -> None:
        """Stops all jobs and instances and sends their remaining logs and metrics."""
        await asyncio.gather(
            *(asyncio.to_thread(jobs.close) for jobs in self._jobs),
            asyncio.to_thread(self._deployments.close),
        )
        await self._runtime.stop()
        await asyncio.to_thread(self._telemetry.stop)
        self._store.close()

    async def _handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
    ) -> Response:
        if path.startswith("/endpoints/"):
            return await self._runtime.invoke(method, path, headers, body)
        denied = admission.denial(self._account, headers, body, query_params)
        return denied or await self._control(method, path, headers, body, query_params)
