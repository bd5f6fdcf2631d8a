"""Serves Create-, Describe-, List- and DeleteEndpointConfig."""

from __future__ import annotations

import time
from typing import Any

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.endpoints.models import Models
from localcloud.services.sagemaker.listing import Order, page
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import (
    already_exists,
    not_found,
    not_supported,
    validation,
)

KIND = "endpoint-config"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListEndpointConfigs.html
_ORDER = Order("EndpointConfigName", sort_order="Descending", includes_after=True)
_ECHOED = ("EndpointConfigName", "ProductionVariants", "KmsKeyId", "DataCaptureConfig")


class EndpointConfigs:
    """Operations on endpoint configurations, which are immutable."""

    def __init__(self, parts: Parts, models: Models) -> None:
        self._account = parts.account
        self._store = parts.store
        self._tags = parts.tags
        self._models = models

    def create_endpoint_config(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        arn = self._account.arn(KIND, name)
        _check_supported(request)
        names = [variant["VariantName"] for variant in request["ProductionVariants"]]
        if len(set(names)) < len(names):
            raise validation(f"Variant names must be unique in a configuration; got {names}.")
        for variant in request["ProductionVariants"]:
            self._models.get(variant["ModelName"])
        with self._store.lock:
            if self._store.get(KIND, name):
                raise already_exists(KIND, arn)
            self._store.put(
                KIND,
                name,
                {
                    **{member: request[member] for member in _ECHOED if member in request},
                    "ProductionVariants": [
                        {"InitialVariantWeight": 1.0, **variant}
                        for variant in request["ProductionVariants"]
                    ],
                    "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
                    "EndpointConfigArn": arn,
                    "CreationTime": time.time(),
                },
            )
            self._tags.set(arn, request.get("Tags", []))
        return {"EndpointConfigArn": arn}

    def describe_endpoint_config(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.get(request["EndpointConfigName"])

    def list_endpoint_configs(self, request: dict[str, Any]) -> dict[str, Any]:
        found, following = page(self._store.all(KIND), request, _ORDER)
        members = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        summaries = [{member: one[member] for member in members} for one in found]
        return {"EndpointConfigs": summaries, **following}

    def delete_endpoint_config(self, request: dict[str, Any]) -> None:
        config = self.get(request["EndpointConfigName"])
        self._store.delete(KIND, request["EndpointConfigName"])
        self._tags.forget(config["EndpointConfigArn"])

    def get(self, name: str) -> Record:
        """Returns the configuration; raises SageMaker's error if there is none."""
        config = self._store.get(KIND, name)
        if config is None:
            raise not_found(KIND, self._account.arn(KIND, name))
        return config


def _check_supported(request: dict[str, Any]) -> None:
    for variant in request["ProductionVariants"]:
        if "ModelName" not in variant:
            raise not_supported("variants without a ModelName (inference components)")
        for member in ("InstanceType", "InitialInstanceCount"):  # optional if serverless
            if member not in variant:
                raise validation(f"Variant {variant['VariantName']} needs {member}.")
