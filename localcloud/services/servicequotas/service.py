"""Lists quotas of SageMaker and Glue; nothing on this machine enforces them.

AWS has thousands of them. Here are those of the instance types that the settings name, and Glue's
that bound runs, with values that an account in use has: a new account on AWS has 0 for most types.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from contracts.names import ENVIRONMENTS, arn
from contracts.settings.load import load
from localcloud.cloud.aws_api import AwsError, Handler, JsonApi
from localcloud.cloud.context import CloudContext

_USAGES = ("training job", "processing job", "transform job", "endpoint")
_INSTANCES = 4.0
_GLUE = {"Max task DPUs per account": 1000.0, "Max concurrent job runs per account": 50.0}
_PAGE = 100


class ServiceQuotas:
    """The service, which has no state.

    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html
    """

    def __init__(self, context: CloudContext) -> None:
        self._context = context
        self._quotas = {"sagemaker": _of_settings(), "glue": _GLUE}

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"servicequotas": JsonApi("service-quotas", self)}

    async def start(self) -> None:
        """Does nothing: there is no work to resume."""

    async def stop(self) -> None:
        """Does nothing: there is no state."""

    def list_service_quotas(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._list(request)

    def list_aws_default_service_quotas(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._list(request)

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        service = request["ServiceCode"]
        if service not in self._quotas:
            raise AwsError("NoSuchResourceException", f"the service {service!r} has no quotas here")
        for member in ("QuotaCode", "QuotaAppliedAtLevel"):
            if member in request:
                raise AwsError(
                    "IllegalArgumentException", f"the local cloud does not filter by {member}"
                )
        quotas = sorted(self._quotas[service].items())
        token = request.get("NextToken", "0")
        if not token.isdecimal() or int(token) > len(quotas):
            raise AwsError("InvalidPaginationTokenException", f"no page begins at {token!r}")
        start = int(token)
        end = start + request.get("MaxResults", _PAGE)
        page = [self._quota(service, name, value) for name, value in quotas[start:end]]
        return {"Quotas": page, **({"NextToken": str(end)} if end < len(quotas) else {})}

    def _quota(self, service: str, name: str, value: float) -> dict[str, Any]:
        context = self._context
        code = f"L-{zlib.crc32(name.encode()):08X}"
        return {
            "ServiceCode": service,
            "ServiceName": service,
            "QuotaArn": arn(
                "servicequotas", f"{service}/{code}",
                region=context.region, account_id=context.account_id,
            ),
            "QuotaCode": code,
            "QuotaName": name,
            "Value": value,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }  # fmt: skip


def _of_settings() -> dict[str, float]:
    types = set()
    for environment in ENVIRONMENTS:
        forecast = load(environment).forecast
        types |= {
            forecast.training.instance_type,
            forecast.retraining.instance_type,
            forecast.nightly.processing_instance_type,
            forecast.nightly.transform_instance_type,
            forecast.endpoint.instance_type,
        }
    return {f"{type_} for {usage} usage": _INSTANCES for type_ in types for usage in _USAGES}
