"""Serves operations on endpoints: create, describe, list, update, change weights, delete."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.endpoints.deployments import Deployments
from localcloud.services.sagemaker.endpoints.endpoint_configs import EndpointConfigs
from localcloud.services.sagemaker.endpoints.endpoint_records import DEPLOYMENT, EndpointRecords
from localcloud.services.sagemaker.endpoints.models import Models
from localcloud.services.sagemaker.endpoints.variants import deployed_images, describe, retained
from localcloud.services.sagemaker.listing import Order, page
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import (
    in_progress,
    limit_exceeded,
    validation,
)

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListEndpoints.html
_ORDER = Order("EndpointName", "EndpointStatus", sort_order="Descending", includes_after=True)
_SUMMARY = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")


class Endpoints:
    """Operations on endpoints."""

    def __init__(
        self,
        parts: Parts,
        models: Models,
        configs: EndpointConfigs,
        records: EndpointRecords,
        deployments: Deployments,
    ) -> None:
        self._store = parts.store
        self._settings = parts.settings
        self._models = models
        self._configs = configs
        self._records = records
        self._deployments = deployments

    def create_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointName"]
        with self._store.lock:
            deployment = self._deployment(request["EndpointConfigName"])
            self._check_quota(name, deployment)
            members = {
                "EndpointConfigName": request["EndpointConfigName"],
                "EndpointStatus": "Creating",
                DEPLOYMENT: deployment,
                **_last_deployment_config(request, {}),
            }
            arn = self._records.add(name, members, request.get("Tags", []))
        self._deployments.create(name)
        return {"EndpointArn": arn}

    def describe_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(request["EndpointName"])
        deployment = record.pop(DEPLOYMENT)
        if record["EndpointStatus"] != "Failed":
            pending = record["EndpointStatus"] == "Creating"
            record["ProductionVariants"] = describe(deployment, pending=pending)
        return record

    def list_endpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        found, following = page(self._records.all(), request, _ORDER)
        summaries = [{member: one[member] for member in _SUMMARY} for one in found]
        return {"Endpoints": summaries, **following}

    def update_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointName"]
        with self._store.lock:
            record = self._records.settled(name)
            deployment = self._deployment(request["EndpointConfigName"])
            if request.get("RetainAllVariantProperties"):
                deployment["Variants"] = retained(
                    deployment["Variants"],
                    record[DEPLOYMENT]["Variants"],
                    request.get("ExcludeRetainedVariantProperties", []),
                )
            self._check_quota(name, deployment)
            self._records.change(
                name,
                {
                    "EndpointStatus": "Updating",
                    "FailureReason": None,
                    "PendingDeploymentSummary": {
                        "EndpointConfigName": request["EndpointConfigName"],
                        "ProductionVariants": describe(deployment, pending=True),
                        "StartTime": time.time(),
                    },
                    **_last_deployment_config(request, record),
                },
            )
        self._deployments.replace(name, deployment)
        return {"EndpointArn": record["EndpointArn"]}

    def update_endpoint_weights_and_capacities(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointName"]
        with self._store.lock:
            record = self._records.settled(name)
            deployment = record[DEPLOYMENT]
            requested = {one["VariantName"]: one for one in request["DesiredWeightsAndCapacities"]}
            unknown = set(requested) - {one["name"] for one in deployment["Variants"]}
            if unknown:
                raise validation(
                    f"The variant name(s) {sorted(unknown)} are not present within endpoint "
                    f'configuration "{record["EndpointConfigName"]}".'
                )
            for variant in deployment["Variants"]:
                desired = requested.get(variant["name"], {})
                variant["desired_weight"] = desired.get("DesiredWeight", variant["weight"])
                variant["desired_count"] = desired.get("DesiredInstanceCount", variant["count"])
            self._check_quota(name, deployment)
            self._records.change(
                name,
                {"EndpointStatus": "Updating", "FailureReason": None, DEPLOYMENT: deployment},
            )
        self._deployments.scale(name)
        return {"EndpointArn": record["EndpointArn"]}

    def delete_endpoint(self, request: dict[str, Any]) -> None:
        name = request["EndpointName"]
        with self._store.lock:
            record = self._records.get(name)
            if record["EndpointStatus"] not in ("InService", "Failed"):
                raise in_progress(record["EndpointArn"])
            self._records.change(name, {"EndpointStatus": "Deleting"})
        self._deployments.delete(name)

    def _deployment(self, config_name: str) -> Record:
        """Copies a configuration and its models, so that deleting them changes nothing."""
        config = self._configs.get(config_name)
        return {
            "EndpointConfigName": config_name,
            "Folder": secrets.token_hex(4),
            "Variants": [
                self._variant(variant, self._models.get(variant["ModelName"]))
                for variant in config["ProductionVariants"]
            ],
        }

    def _variant(self, variant: Mapping[str, Any], model: Record) -> Record:
        timeout = self._settings.startup_timeout
        return {
            "name": variant["VariantName"],
            "container": model["PrimaryContainer"],
            "role_arn": model.get("ExecutionRoleArn"),
            "weight": variant["InitialVariantWeight"],
            "count": variant["InitialInstanceCount"],
            "startup_timeout": variant.get("ContainerStartupHealthCheckTimeoutInSeconds", timeout),
            "images": deployed_images(model["PrimaryContainer"]["Image"]),
            "instance_type": variant["InstanceType"],
        }

    def _check_quota(self, name: str, deployment: Record) -> None:
        limit = self._settings.endpoint_instances
        used = sum(
            variant.get("desired_count", variant["count"])
            for record in self._records.all()
            if record["EndpointName"] != name and record["EndpointStatus"] != "Failed"
            for variant in record[DEPLOYMENT]["Variants"]
        )
        requested = sum(one.get("desired_count", one["count"]) for one in deployment["Variants"])
        if used + requested > limit:
            quota = f"{deployment['Variants'][0]['instance_type']} for endpoint usage"
            raise limit_exceeded(quota, limit, used, requested)


def _last_deployment_config(request: dict[str, Any], record: Record) -> dict[str, Any]:
    if "DeploymentConfig" in request:
        return {"LastDeploymentConfig": request["DeploymentConfig"]}
    if request.get("RetainDeploymentConfig") or "LastDeploymentConfig" not in record:
        return {}
    return {"LastDeploymentConfig": None}
