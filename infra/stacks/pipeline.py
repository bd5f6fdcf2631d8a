"""The pipeline stack: from the devices' topic to series and models."""

from __future__ import annotations

from constructs import Construct

from contracts.names import GLUE_JOBS
from infra.modules.alarms import JobAlarms, JobAlarmsInputs
from infra.modules.certificate_confirmation import (
    CertificateConfirmation,
    CertificateConfirmationInputs,
)
from infra.modules.drift_alarms import DriftAlarms, DriftAlarmsInputs
from infra.modules.fleet_provisioning import FleetProvisioning, FleetProvisioningInputs
from infra.modules.glue_jobs import GlueJobs, GlueJobsInputs
from infra.modules.ingestion import Ingestion, IngestionInputs
from infra.modules.ingestion_alarms import IngestionAlarms, IngestionAlarmsInputs
from infra.modules.model_role import ModelRole, ModelRoleInputs
from infra.modules.nightly_definition import NightlyInputs
from infra.modules.nightly_forecasts import NightlyForecasts
from infra.modules.quality_rules import QualityRules, QualityRulesInputs
from infra.modules.retrain import Retrain
from infra.modules.rollout import Rollout
from infra.modules.rollout_definition import RolloutInputs
from infra.modules.tracking_server import TrackingServer, TrackingServerInputs
from infra.packaging import REPOSITORY, Package, zip_of
from infra.stacks.estate import EstateStack, Target


class PipelineStack(EstateStack):
    """What moves and transforms data; it holds none."""

    def __init__(self, scope: Construct, target: Target) -> None:
        super().__init__(scope, "pipeline", target)
        Ingestion(self, "ingestion", IngestionInputs(target.names, target.settings.delivery))
        IngestionAlarms(
            self,
            "ingestion_alarms",
            IngestionAlarmsInputs(target.names, target.settings.alarms, self.alarm_targets),
        )
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
        GlueJobs(
            self,
            "glue",
            GlueJobsInputs(
                names=target.names,
                glue=target.settings.glue,
                quality=target.settings.quality,
                scripts={
                    job: self.package(
                        (REPOSITORY / f"glue_jobs/{job}.py").read_bytes(), f"{job}.py"
                    )
                    for job in GLUE_JOBS
                },
                library=self.package(
                    zip_of({part: REPOSITORY / part for part in ("contracts", "glue_jobs")}),
                    "lakecast.zip",
                ),
            ),
        )
        JobAlarms(
            self,
            "glue_alarms",
            JobAlarmsInputs(target.names, target.settings.quality, self.alarm_targets),
        )
        QualityRules(self, "quality", QualityRulesInputs(target.names))
        ModelRole(self, "sagemaker", ModelRoleInputs(target.names))
        if target.settings.experiments.tracking_server:
            TrackingServer(self, "experiments", TrackingServerInputs(target.names))
        Retrain(self, "retrain", target.names, target.settings)
        NightlyForecasts(
            self,
            "nightly",
            NightlyInputs(
                target.names,
                target.settings.forecasts,
                target.settings.tags.of(target.names.environment),
            ),
        )
        DriftAlarms(
            self,
            "drift",
            DriftAlarmsInputs(target.names, target.settings.forecasts, self.alarm_targets),
        )
        Rollout(
            self,
            "rollout",
            RolloutInputs(
                target.names,
                target.settings.endpoint,
                target.settings.tags.of(target.names.environment),
            ),
        )

    def _function_code(self, package: str) -> Package:
        folders = {"contracts": REPOSITORY / "contracts", package: REPOSITORY / "lambdas" / package}
        return self.package(zip_of(folders), f"{package}.zip")
