"""Creates, updates and deletes endpoints, each in a separate thread.

An update starts the new variants while the old ones serve until all new ones are healthy. If that
fails, the endpoint stays InService with the old configuration and has a FailureReason.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.endpoints.endpoint_records import DEPLOYMENT, EndpointRecords
from localcloud.services.sagemaker.endpoints.fleet import Fleet, FleetError, VariantPlan
from localcloud.services.sagemaker.parts import Parts

logger = logging.getLogger(__name__)

_REASON_CHARACTERS = 1024  # SageMaker's limit
_INTERRUPTED = "The local cloud was stopped while the endpoint was being {}."


class Deployments:
    """Fleets in service and deployments in progress."""

    def __init__(self, parts: Parts, records: EndpointRecords) -> None:
        self._parts = parts
        self._records = records
        self._fleets: dict[str, Fleet] = {}  # in service, by endpoint
        self._launching: dict[str, Fleet] = {}
        self._threads: set[threading.Thread] = set()
        self._closing = False

    def fleet(self, name: str) -> Fleet | None:
        """Returns the fleet that serves an endpoint; None if there is none."""
        return self._fleets.get(name)

    def create(self, name: str) -> None:
        """Launches the endpoint's deployment; the endpoint becomes InService or Failed."""
        self._in_background(name, self._create)

    def replace(self, name: str, deployment: Record) -> None:
        """Launches another deployment and shifts all traffic to it."""
        self._in_background(name, partial(self._replace, deployment))

    def scale(self, name: str) -> None:
        """Applies the desired weights and counts in the record."""
        self._in_background(name, self._scale)

    def delete(self, name: str) -> None:
        """Deletes the endpoint after its invocations have finished."""
        self._in_background(name, self._delete)

    def start(self) -> None:
        """Ends the changes that were interrupted when the cloud stopped, and restarts endpoints."""
        for record in self._records.all():
            name, status = record["EndpointName"], record["EndpointStatus"]
            if status == "Deleting":
                self._records.forget(name)
            elif status == "Creating":
                self._fail(name, _INTERRUPTED.format("created"))
            elif status != "Failed":
                self._settle(record)
                self._in_background(name, self._create)

    def close(self) -> None:
        """Stops all fleets; the records stay as they are."""
        self._closing = True
        fleets = [*self._launching.values(), *self._fleets.values()]
        stopping = [threading.Thread(target=fleet.stop) for fleet in fleets]
        for thread in stopping:
            thread.start()
        for thread in (*stopping, *self._threads):
            thread.join()

    def _settle(self, record: Record) -> None:
        """Sets SystemUpdating, AWS's status for an endpoint that AWS itself restarts."""
        changes: Record = {"EndpointStatus": "SystemUpdating"}
        if record["EndpointStatus"] == "Updating":
            for variant in record[DEPLOYMENT]["Variants"]:
                variant.pop("desired_weight", None)
                variant.pop("desired_count", None)
            changes |= {
                "FailureReason": _INTERRUPTED.format("updated"),
                "PendingDeploymentSummary": None,
                DEPLOYMENT: record[DEPLOYMENT],
            }
        self._records.change(record["EndpointName"], changes)

    def _create(self, name: str) -> None:
        try:
            self._fleets[name] = self._launch(name, self._records.get(name)[DEPLOYMENT])
        except FleetError as error:
            self._fail(name, str(error))
        else:
            self._change(name, EndpointStatus="InService")

    def _replace(self, deployment: Record, name: str) -> None:
        try:
            new = self._launch(name, deployment)
        except FleetError as error:
            shutil.rmtree(self._records.folder(name, deployment), ignore_errors=True)
            self._fail(name, str(error))
            return
        old, before = self._fleets[name], self._records.get(name)[DEPLOYMENT]
        self._fleets[name] = new
        self._change(
            name,
            EndpointStatus="InService",
            EndpointConfigName=deployment["EndpointConfigName"],
            PendingDeploymentSummary=None,
            **{DEPLOYMENT: deployment},
        )
        old.retire()
        shutil.rmtree(self._records.folder(name, before), ignore_errors=True)

    def _scale(self, name: str) -> None:
        deployment = self._records.get(name)[DEPLOYMENT]
        fleet = self._fleets[name]
        plans = {
            one["name"]: replace(
                fleet.variants[one["name"]].plan,
                weight=one["desired_weight"],
                count=one["desired_count"],
            )
            for one in deployment["Variants"]
        }
        try:
            fleet.scale(plans)
        except FleetError as error:
            self._fail(name, str(error))
            return
        for variant in deployment["Variants"]:
            variant["weight"] = variant.pop("desired_weight")
            variant["count"] = variant.pop("desired_count")
        self._change(name, EndpointStatus="InService", **{DEPLOYMENT: deployment})

    def _delete(self, name: str) -> None:
        fleet = self._fleets.pop(name, None)
        if fleet:
            fleet.retire()
        self._records.forget(name)

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
        fleet = Fleet(name, self._records.folder(name, deployment), plans, self._parts)
        self._launching[name] = fleet
        try:
            if self._closing:
                raise FleetError("The local cloud is shutting down.")
            fleet.launch()
        finally:
            del self._launching[name]
        return fleet

    def _fail(self, name: str, reason: str) -> None:
        """Records a failed change: the endpoint stays InService if it was, else it is Failed."""
        reason = reason[:_REASON_CHARACTERS]
        if name not in self._fleets:
            self._change(name, EndpointStatus="Failed", FailureReason=reason)
            return
        deployment = self._records.get(name)[DEPLOYMENT]
        for variant in deployment["Variants"]:
            variant.pop("desired_weight", None)
            variant.pop("desired_count", None)
        self._change(
            name,
            EndpointStatus="InService",
            FailureReason=reason,
            PendingDeploymentSummary=None,
            **{DEPLOYMENT: deployment},
        )

    def _change(self, name: str, **members: Any) -> None:
        if not self._closing:  # the next start ends the changes in progress
            self._records.change(name, members)

    def _in_background(self, name: str, work: Callable[[str], None]) -> None:
        def run() -> None:
            try:
                work(name)
            except Exception as error:  # an endpoint must not stay Updating
                logger.exception("endpoint %s", name)
                self._fail(name, f"InternalServerError: {error}")
            finally:
                self._threads.discard(thread)

        thread = threading.Thread(target=run, name=f"endpoint-{name}", daemon=True)
        self._threads.add(thread)
        thread.start()
