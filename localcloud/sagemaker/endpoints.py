"""Endpoints: create, describe, list, update, weights and capacities, delete.

An update starts the new variants beside the old ones, which serve until all new ones are healthy.
Where that fails, the old ones stay: InService, the old configuration, and a FailureReason.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from localcloud.sagemaker.endpoint_configs import EndpointConfigs
from localcloud.sagemaker.errors import (
    already_exists,
    in_progress,
    limit_exceeded,
    not_found,
    not_served,
    validation,
)
from localcloud.sagemaker.fleet import Fleet, FleetError, VariantPlan
from localcloud.sagemaker.listing import page
from localcloud.sagemaker.models import Models
from localcloud.sagemaker.parts import Parts
from localcloud.sagemaker.store import Record
from localcloud.sagemaker.variants import deployed_images, describe, retained

logger = logging.getLogger(__name__)

KIND = "endpoint"
_DEPLOYMENT = "Deployment"  # what runs: not a member of DescribeEndpoint's answer
_INTERRUPTED = "The local cloud was stopped while the endpoint was being {}."


class Endpoints:
    """The operations on endpoints, and the fleets in service."""

    def __init__(self, parts: Parts, models: Models, configs: EndpointConfigs) -> None:
        self._parts = parts
        self._account = parts.account
        self._store = parts.store
        self._models = models
        self._configs = configs
        self._fleets: dict[str, Fleet] = {}  # in service, by endpoint
        self._launching: dict[str, Fleet] = {}
        self._threads: set[threading.Thread] = set()
        self._closing = False

    def fleet(self, name: str) -> Fleet | None:
        """What answers invocations of an endpoint; None while nothing does."""
        return self._fleets.get(name)

    def exists(self, name: str) -> bool:
        """Whether there is such an endpoint, in service or not."""
        return self._store.get(KIND, name) is not None

    # operations
    def create_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointName"]
        arn = self._account.arn(KIND, name)
        _refuse_what_is_not_served(request)
        with self._store.lock:
            if self.exists(name):
                raise already_exists(KIND, arn)
            deployment = self._deployment(request["EndpointConfigName"])
            self._see_that_quota_allows(name, deployment)
            now = time.time()
            self._store.put(
                KIND,
                name,
                {
                    "EndpointName": name,
                    "EndpointArn": arn,
                    "EndpointConfigName": request["EndpointConfigName"],
                    "EndpointStatus": "Creating",
                    "CreationTime": now,
                    "LastModifiedTime": now,
                },
            )
            self._parts.tags.set(arn, request.get("Tags", []))
        self._in_background(name, lambda: self._create(name, deployment))
        return {"EndpointArn": arn}

    def describe_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._get(request["EndpointName"])
        deployment = record.pop(_DEPLOYMENT, None)
        if deployment:
            record["ProductionVariants"] = describe(deployment, pending=False)
        return record

    def list_endpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        found, following = page(
            self._store.all(KIND), request, name="EndpointName", status="EndpointStatus"
        )
        members = (
            "EndpointName",
            "EndpointArn",
            "CreationTime",
            "LastModifiedTime",
            "EndpointStatus",
        )
        summaries = [{member: one[member] for member in members} for one in found]
        return {"Endpoints": summaries, **following}

    def update_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointName"]
        _refuse_what_is_not_served(request)
        with self._store.lock:
            record = self._settled(name)
            deployment = self._deployment(request["EndpointConfigName"])
            if request.get("RetainAllVariantProperties"):
                deployment["Variants"] = retained(
                    deployment["Variants"],
                    record[_DEPLOYMENT]["Variants"],
                    request.get("ExcludeRetainedVariantProperties", []),
                )
            self._see_that_quota_allows(name, deployment)
            now = time.time()
            self._change(
                name,
                EndpointStatus="Updating",
                FailureReason=None,
                PendingDeploymentSummary={
                    "EndpointConfigName": request["EndpointConfigName"],
                    "ProductionVariants": describe(deployment, pending=True),
                    "StartTime": now,
                },
                **_last_deployment_config(request, record),
            )
        self._in_background(name, lambda: self._replace(name, deployment))
        return {"EndpointArn": record["EndpointArn"]}

    def update_endpoint_weights_and_capacities(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointName"]
        with self._store.lock:
            record = self._settled(name)
            deployment = record[_DEPLOYMENT]
            wanted = {one["VariantName"]: one for one in request["DesiredWeightsAndCapacities"]}
            unknown = set(wanted) - {one["name"] for one in deployment["Variants"]}
            if unknown:
                raise validation(
                    f"The variant name(s) {sorted(unknown)} are not present within endpoint "
                    f'configuration "{record["EndpointConfigName"]}".'
                )
            for variant in deployment["Variants"]:
                desired = wanted.get(variant["name"], {})
                variant["desired_weight"] = desired.get("DesiredWeight", variant["weight"])
                variant["desired_count"] = desired.get("DesiredInstanceCount", variant["count"])
            self._see_that_quota_allows(name, deployment)
            self._change(
                name, EndpointStatus="Updating", FailureReason=None, **{_DEPLOYMENT: deployment}
            )
        self._in_background(name, lambda: self._scale(name))
        return {"EndpointArn": record["EndpointArn"]}

    def delete_endpoint(self, request: dict[str, Any]) -> None:
        name = request["EndpointName"]
        with self._store.lock:
            record = self._get(name)
            if record["EndpointStatus"] not in ("InService", "Failed"):
                raise in_progress(record["EndpointArn"])
            self._change(name, EndpointStatus="Deleting")
        self._in_background(name, lambda: self._delete(name))

    # the way up and down
    def start(self) -> None:
        """Bring back the endpoints that were in service, in the background."""
        for record in self._store.all(KIND):
            name, status = record["EndpointName"], record["EndpointStatus"]
            if status == "Deleting":
                self._forget(name)
            elif _DEPLOYMENT not in record:
                if status != "Failed":
                    reason = _INTERRUPTED.format("created")
                    self._change(name, EndpointStatus="Failed", FailureReason=reason)
            elif status != "Failed":
                if status == "Updating":
                    reason = _INTERRUPTED.format("updated")
                    self._change(name, FailureReason=reason, PendingDeploymentSummary=None)
                self._change(name, EndpointStatus="SystemUpdating")
                self._in_background(name, partial(self._restore, name))

    def close(self) -> None:
        """Stop everything; the records stay as they are."""
        self._closing = True
        fleets = [*self._launching.values(), *self._fleets.values()]
        stopping = [threading.Thread(target=fleet.stop) for fleet in fleets]
        for thread in stopping:
            thread.start()
        for thread in (*stopping, *self._threads):
            thread.join()

    # in the background
    def _create(self, name: str, deployment: Record) -> None:
        try:
            self._fleets[name] = self._launch(name, deployment)
        except FleetError as error:
            self._change(name, EndpointStatus="Failed", FailureReason=str(error))
            return
        self._change(name, EndpointStatus="InService", **{_DEPLOYMENT: deployment})

    def _replace(self, name: str, deployment: Record) -> None:
        try:
            new = self._launch(name, deployment)
        except FleetError as error:
            self._remove_folder(name, deployment["Folder"])
            self._change(
                name,
                EndpointStatus="InService",
                FailureReason=str(error),
                PendingDeploymentSummary=None,
            )
            return
        old, folder = self._fleets[name], self._get(name)[_DEPLOYMENT]["Folder"]
        self._fleets[name] = new
        self._change(
            name,
            EndpointStatus="InService",
            EndpointConfigName=deployment["EndpointConfigName"],
            PendingDeploymentSummary=None,
            **{_DEPLOYMENT: deployment},
        )
        old.retire()
        self._remove_folder(name, folder)

    def _scale(self, name: str) -> None:
        deployment = self._get(name)[_DEPLOYMENT]
        fleet = self._fleets[name]
        reason = None
        wanted = {
            one["name"]: replace(
                fleet.variants[one["name"]].plan,
                weight=one["desired_weight"],
                count=one["desired_count"],
            )
            for one in deployment["Variants"]
        }
        try:
            fleet.scale(wanted)
        except FleetError as error:
            reason = str(error)
        for variant in deployment["Variants"]:
            del variant["desired_weight"], variant["desired_count"]
            if reason is None:
                variant["weight"] = wanted[variant["name"]].weight
                variant["count"] = wanted[variant["name"]].count
        self._change(
            name, EndpointStatus="InService", FailureReason=reason, **{_DEPLOYMENT: deployment}
        )

    def _delete(self, name: str) -> None:
        fleet = self._fleets.pop(name, None)
        if fleet:
            fleet.retire()
        self._forget(name)

    def _restore(self, name: str) -> None:
        try:
            self._fleets[name] = self._launch(name, self._get(name)[_DEPLOYMENT])
        except FleetError as error:
            self._change(name, EndpointStatus="Failed", FailureReason=str(error))
            return
        self._change(name, EndpointStatus="InService")

    def _launch(self, name: str, deployment: Record) -> Fleet:
        plans = [
            VariantPlan(
                name=one["name"],
                container=one["container"],
                role_arn=one["role_arn"],
                weight=one["weight"],
                count=one["count"],
                startup_timeout=one["startup_timeout"],
            )
            for one in deployment["Variants"]
        ]
        fleet = Fleet(name, self._folder(name) / deployment["Folder"], plans, self._parts)
        self._launching[name] = fleet
        try:
            fleet.launch()
        finally:
            del self._launching[name]
        return fleet

    def _in_background(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:  # no endpoint may stay Updating for ever
                logger.exception("endpoint %s", name)
                reason = f"InternalServerError: {error}"
                self._change(name, EndpointStatus="Failed", FailureReason=reason)
            finally:
                self._threads.discard(thread)

        thread = threading.Thread(target=run, name=f"endpoint-{name}", daemon=True)
        self._threads.add(thread)
        thread.start()

    # records
    def _get(self, name: str) -> Record:
        record = self._store.get(KIND, name)
        if record is None:
            raise not_found(KIND, self._account.arn(KIND, name))
        return record

    def _settled(self, name: str) -> Record:
        """The endpoint's record, if it can be changed now."""
        record = self._get(name)
        if record["EndpointStatus"] == "Failed":
            raise validation(
                f'Cannot update endpoint "{record["EndpointArn"]}" in status Failed: it can only '
                "be deleted."
            )
        if record["EndpointStatus"] != "InService":
            raise in_progress(record["EndpointArn"])
        return record

    def _change(self, name: str, **members: Any) -> None:
        """Set members of an endpoint's record; None removes one."""
        if self._closing:
            return  # what was under way is settled at the next start

        def change(record: Record) -> None:
            record.update(members)
            for member in [key for key, value in members.items() if value is None]:
                del record[member]
            record["LastModifiedTime"] = time.time()

        self._store.update(KIND, name, change)

    def _deployment(self, config_name: str) -> Record:
        """A configuration and its models, resolved, so that deleting them changes nothing."""
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
        timeout = self._parts.settings.startup_timeout
        return {
            "name": variant["VariantName"],
            "container": model["PrimaryContainer"],
            "role_arn": model.get("ExecutionRoleArn"),
            "weight": variant["InitialVariantWeight"],
            "count": variant["InitialInstanceCount"],
            "startup_timeout": variant.get("ContainerStartupHealthCheckTimeoutInSeconds", timeout),
            "images": deployed_images(model["PrimaryContainer"]["Image"]),
            "instance_type": variant.get("InstanceType", "ml.m5.large"),
        }

    def _see_that_quota_allows(self, name: str, deployment: Record) -> None:
        limit = self._parts.settings.endpoint_instances
        used = sum(
            variant.get("desired_count", variant["count"])
            for record in self._store.all(KIND)
            if record["EndpointName"] != name
            for variant in record.get(_DEPLOYMENT, {}).get("Variants", [])
        )
        asked = sum(one.get("desired_count", one["count"]) for one in deployment["Variants"])
        if used + asked > limit:
            quota = f"{deployment['Variants'][0]['instance_type']} for endpoint usage"
            raise limit_exceeded(quota, limit, used, asked)

    def _folder(self, name: str) -> Path:
        return self._account.context.home.absolute() / "sagemaker" / "endpoints" / name

    def _remove_folder(self, name: str, generation: str) -> None:
        shutil.rmtree(self._folder(name) / generation, ignore_errors=True)

    def _forget(self, name: str) -> None:
        self._store.delete(KIND, name)
        self._parts.tags.forget(self._account.arn(KIND, name))
        shutil.rmtree(self._folder(name), ignore_errors=True)


def _last_deployment_config(request: dict[str, Any], record: Record) -> dict[str, Any]:
    if "DeploymentConfig" in request:
        return {"LastDeploymentConfig": request["DeploymentConfig"]}
    if request.get("RetainDeploymentConfig") or "LastDeploymentConfig" not in record:
        return {}
    return {"LastDeploymentConfig": None}


def _refuse_what_is_not_served(request: dict[str, Any]) -> None:
    config = request.get("DeploymentConfig", {})
    routing = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise not_served(f"{routing['Type']} traffic shifting")
    if "RollingUpdatePolicy" in config:
        raise not_served("rolling updates")
    if config.get("AutoRollbackConfiguration", {}).get("Alarms"):
        raise not_served("rollback on alarms")
