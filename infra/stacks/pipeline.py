"""The pipeline stack: ingestion, Glue jobs, state machines, and alarms."""

from __future__ import annotations

import sys
from pathlib import Path

from constructs import Construct

from contracts.names import GLUE_JOBS
from infra.modules.core import wheels
from infra.modules.core.packaging import REPOSITORY, Package, function_zip, library_zip
from infra.modules.ingestion.certificate_confirmation import (
    CertificateConfirmation,
    CertificateConfirmationInputs,
)
from infra.modules.ingestion.delivery import Ingestion, IngestionInputs
from infra.modules.ingestion.fleet_provisioning import FleetProvisioning, FleetProvisioningInputs
from infra.modules.ingestion.iot_logging import IotLogging, IotLoggingInputs
from infra.modules.lake.glue_jobs import GlueJobs, GlueJobsInputs
from infra.modules.lake.quality_rules import QualityRules, QualityRulesInputs
from infra.modules.machines.event_queue import EventQueue
from infra.modules.machines.nightly.definition import NightlyInputs
from infra.modules.machines.nightly.machine import NightlyForecasts
from infra.modules.machines.retrain import forecast as retrain_forecast
from infra.modules.machines.retrain.machine import Retrain
from infra.modules.machines.rollout.definition import RolloutInputs
from infra.modules.machines.rollout.machine import Rollout
from infra.modules.machines.stopped_executions import StoppedExecutions
from infra.modules.models.model_role import ModelRole, ModelRoleInputs
from infra.modules.models.tracking_server import TrackingServer, TrackingServerInputs
from infra.modules.observability.alarms import JobAlarms, JobAlarmsInputs
from infra.modules.observability.ingestion_alarms import IngestionAlarms, IngestionAlarmsInputs
from infra.modules.observability.model_drift_alarms import DriftAlarms, DriftAlarmsInputs
from infra.modules.observability.service_alarms import ServiceAlarms, ServiceAlarmsInputs
from infra.stacks.base import EstateStack, Target

CACHE = Path(sys.prefix) / "glue-modules"
"""Folder of the zips of wheels: they are large, and change only with the environment around it."""


class PipelineStack(EstateStack):
    """The resources that move and transform data, but do not store it."""

    def __init__(self, scope: Construct, id_: str, target: Target) -> None:
        super().__init__(scope, id_, target)
        Ingestion(self, "ingestion", IngestionInputs(target.names, target.settings.delivery))
        IngestionAlarms(
            self,
            "ingestion_alarms",
            IngestionAlarmsInputs(target.names, target.settings.alarms, self.alarm_targets),
        )
        account = target.settings.account
        if account.owner and account.iot_log_level != "DISABLED":
            IotLogging(self, "iot_logging", IotLoggingInputs(target.names, account.iot_log_level))
        FleetProvisioning(
            self,
            "provisioning",
            FleetProvisioningInputs(
                names=target.names,
                enabled=target.settings.provisioning.claims,
                hook=self._function_code("provisioning_hook"),
            ),
        )
        CertificateConfirmation(
            self,
            "confirmation",
            CertificateConfirmationInputs(
                target.names, self._function_code("certificate_confirmation")
            ),
        )
        version = target.settings.glue.version
        site = wheels.site_packages(version)
        scripts = {job: REPOSITORY / f"glue_jobs/{job}.py" for job in GLUE_JOBS}
        GlueJobs(
            self,
            "glue",
            GlueJobsInputs(
                names=target.names,
                glue=target.settings.glue,
                quality=target.settings.quality,
                scripts={
                    job: self.package(script.read_bytes(), script.name)
                    for job, script in scripts.items()
                },
                library=self.package(library_zip(scripts.values()), "lakecast.zip"),
                modules=self.file(wheels.archive(site, CACHE, wheels.provided(version))),
            ),
        )
        JobAlarms(
            self,
            "glue_alarms",
            JobAlarmsInputs(target.names, target.settings.quality, self.alarm_targets),
        )
        ServiceAlarms(
            self,
            "service_alarms",
            ServiceAlarmsInputs(
                target.names, self.alarm_targets, target.settings.alarms.max_latency_ms
            ),
        )
        QualityRules(self, "quality", QualityRulesInputs(target.names))
        ModelRole(self, "sagemaker", ModelRoleInputs(target.names))
        if target.settings.experiments.tracking_server:
            TrackingServer(self, "experiments", TrackingServerInputs(target.names))
        Retrain(
            self,
            "retrain",
            target.names,
            target.settings,
            fragments=retrain_forecast.fragments,
        )
        NightlyForecasts(
            self,
            "nightly",
            NightlyInputs(
                target.names,
                target.settings.forecast.nightly,
                target.settings.tags.of(target.names.environment),
            ),
        )
        EventQueue(self, "events", target.names)
        StoppedExecutions(self, "stopped_executions", target.names)
        DriftAlarms(
            self,
            "drift",
            DriftAlarmsInputs(target.names, target.settings.forecast.nightly, self.alarm_targets),
        )
        Rollout(
            self,
            "rollout",
            RolloutInputs(
                target.names,
                target.settings.forecast.endpoint,
                target.settings.tags.of(target.names.environment),
            ),
        )

    def _function_code(self, package: str) -> Package:
        return self.package(function_zip(package), f"{package}.zip")
