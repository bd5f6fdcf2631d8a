"""SageMaker as one of the cloud's services: put together, started and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from localcloud.aws_api import Handler, JsonApi, Response
from localcloud.sagemaker.account import Account
from localcloud.sagemaker.deployments import Deployments
from localcloud.sagemaker.endpoint_configs import EndpointConfigs
from localcloud.sagemaker.endpoint_records import EndpointRecords
from localcloud.sagemaker.endpoints import Endpoints
from localcloud.sagemaker.model_package_groups import ModelPackageGroups
from localcloud.sagemaker.model_packages import ModelPackages
from localcloud.sagemaker.models import Models
from localcloud.sagemaker.parts import Parts
from localcloud.sagemaker.processing_jobs import ProcessingJobs
from localcloud.sagemaker.runtime import Runtime
from localcloud.sagemaker.settings import Settings
from localcloud.sagemaker.tags import Tags
from localcloud.sagemaker.telemetry import Telemetry
from localcloud.sagemaker.training_jobs import TrainingJobs
from localcloud.sagemaker.transform_jobs import TransformJobs
from localcloud.sagemaker.tuning_jobs import TuningJobs
from localcloud.store import Store


class SageMaker:
    """The control plane and the runtime behind the one name that both sign with.

    Parameters
    ----------
    account
        The cloud it is part of; its state is kept in ``<home>/sagemaker``.
    """

    def __init__(self, account: Account, settings: Settings) -> None:
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
        self._control = JsonApi("sagemaker", families)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"sagemaker": self._handle}

    async def start(self) -> None:
        """Bring back what was in service; returns before it is."""
        self._telemetry.start()
        await self._runtime.start()
        for jobs in self._jobs:
            jobs.start()
        self._deployments.start()

    async def stop(self) -> None:
        """End all jobs and instances and send their last words."""
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
        return await self._control(method, path, headers, body, query_params)
