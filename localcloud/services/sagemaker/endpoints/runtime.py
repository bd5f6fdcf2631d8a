"""Serves InvokeEndpoint by forwarding requests to an instance of one of the variants."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import aiohttp

from contracts.names import arn, endpoint_log_group
from localcloud.cloud.aws_api import Response
from localcloud.services.sagemaker.endpoints.deployments import Deployments
from localcloud.services.sagemaker.endpoints.endpoint_records import EndpointRecords
from localcloud.services.sagemaker.endpoints.fleet import Variant
from localcloud.services.sagemaker.parts import Parts

_PATH = re.compile(r"^/endpoints/([^/]+)/invocations$")
_MAX_BODY = 25 * 1024**2  # SageMaker's limit for a real-time endpoint
_FORWARDED_HEADERS = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")
# Without data capture, AWS does nothing with these:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
_WITHOUT_EFFECT = ("x-amzn-sagemaker-inference-id",)
_TARGET_VARIANT = "x-amzn-sagemaker-target-variant"
_NOT_SUPPORTED = {
    "x-amzn-sagemaker-target-model": "TargetModel",
    "x-amzn-sagemaker-target-container-hostname": "TargetContainerHostname",
    "x-amzn-sagemaker-inference-component": "InferenceComponentName",
    "x-amzn-sagemaker-session-id": "SessionId",
    "x-amzn-sagemaker-enable-explanations": "EnableExplanations",
    "x-amzn-sagemaker-prefix-aware-id": "PrefixAwareId",
}
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the "
    "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)


HEADERS = frozenset({*_FORWARDED_HEADERS, *_WITHOUT_EFFECT, _TARGET_VARIANT, *_NOT_SUPPORTED})
"""Headers of a request that are members of InvokeEndpoint: served or refused, none ignored."""


class InvocationError(Exception):
    """A failed invocation, with the response that SageMaker's runtime gives."""

    def __init__(self, code: str, status: int, message: str, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.members = {"Message": message, "message": message, **members}

    def response(self) -> Response:
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": self.code}
        return self.status, headers, json.dumps(self.members, allow_nan=False).encode()


class Runtime:
    """The data plane, which runs on the event loop with persistent connections."""

    def __init__(self, parts: Parts, records: EndpointRecords, deployments: Deployments) -> None:
        self._parts = parts
        self._records = records
        self._deployments = deployments
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the pool of connections to the instances."""
        self._session = aiohttp.ClientSession(
            # Shorter than any server's timeout: an invocation would fail on a connection that the
            # container is about to close.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=2),
            timeout=aiohttp.ClientTimeout(total=self._parts.settings.invocation_timeout),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding", "User-Agent"),
        )

    async def stop(self) -> None:
        """Closes the pool."""
        if self._session:
            await self._session.close()

    async def invoke(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Serves a request below ``/endpoints/``."""
        started = time.perf_counter()
        match = _PATH.match(path)
        if not match or method != "POST":
            message = f"The local cloud does not support {method} {path}."
            return InvocationError("UnknownOperationException", 404, message).response()
        try:
            name = unquote(match[1])
            variant = self._variant(name, headers, body)
            return await self._forward(name, variant, headers, body, started)
        except InvocationError as error:
            return error.response()

    def _variant(self, name: str, headers: Mapping[str, str], body: bytes) -> Variant:
        for header, parameter in _NOT_SUPPORTED.items():
            if header in headers:
                message = f"The local cloud does not support {parameter}."
                raise InvocationError("ValidationError", 400, message)
        if len(body) > _MAX_BODY:
            message = f"The body has {len(body)} bytes; at most {_MAX_BODY} are accepted."
            raise InvocationError("ValidationError", 400, message)
        fleet = self._deployments.fleet(name)
        if fleet is None:
            raise self._not_in_service(name)
        target = headers.get(_TARGET_VARIANT)
        variant = fleet.pick(target)
        if variant is None:
            message = (
                f"Variant {target} is not a production variant of endpoint {name}; its variants "
                f"are {', '.join(fleet.variants)}."
            )
            raise InvocationError("ValidationError", 400, message)
        return variant

    def _not_in_service(self, name: str) -> InvocationError:
        """Returns AWS's error, which is "not found" also before an endpoint's first InService."""
        endpoint = f"Endpoint {name} of account {self._parts.account.context.account_id}"
        if self._records.status(name) == "SystemUpdating":
            return InvocationError("ServiceUnavailable", 503, f"{endpoint} is being restarted.")
        return InvocationError("ValidationError", 400, f"{endpoint} not found.")

    async def _forward(
        self,
        name: str,
        variant: Variant,
        headers: Mapping[str, str],
        body: bytes,
        started: float,
    ) -> Response:
        sent = time.perf_counter()
        status, answer_headers, answer = await self._send(name, variant, headers, body)
        answered = time.perf_counter()
        self._measure(name, variant.plan.name, status, answered - sent, sent - started)
        if status >= 400 or status == 0:
            raise self._model_error(name, status, answer)
        custom = "x-amzn-sagemaker-custom-attributes"
        answer_out = {
            # in lower case, because ministack would replace it by the control plane's otherwise
            "content-type": answer_headers.get("content-type", "application/octet-stream"),
            "x-Amzn-Invoked-Production-Variant": variant.plan.name,
        }
        if custom in answer_headers:
            answer_out["X-Amzn-SageMaker-Custom-Attributes"] = answer_headers[custom]
        return 200, answer_out, answer

    async def _send(
        self, name: str, variant: Variant, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Returns status, headers and body of the container's response; status 0 if none."""
        instance = variant.next_instance()
        if instance is None or self._session is None:
            self._measure(name, variant.plan.name, 503, 0.0, 0.0)
            raise InvocationError(
                "ServiceUnavailable",
                503,
                f"No instance of variant {variant.plan.name} of endpoint {name} is healthy; the "
                "instances are being restarted.",
            )
        forwarded = {key: headers[key] for key in _FORWARDED_HEADERS if key in headers}
        forwarded.setdefault("content-type", "application/octet-stream")
        url = f"http://127.0.0.1:{instance.port}/invocations"
        with instance.counting_invocation():
            try:
                async with self._session.post(url, data=body, headers=forwarded) as answer:
                    return answer.status, answer.headers, await answer.read()
            except TimeoutError:
                return 0, {}, _TIMED_OUT.encode()
            except aiohttp.ClientError as error:
                return 0, {}, f"The container's connection broke: {error}".encode()

    def _model_error(self, name: str, status: int, answer: bytes) -> InvocationError:
        """Returns AWS's error 424, which covers every unsuccessful response of a container."""
        context = self._parts.account.context
        text = answer.decode(errors="replace")
        side = "client" if 400 <= status < 500 else "server"
        group = endpoint_log_group(name)
        where = (
            f"https://{context.region}.console.aws.amazon.com/cloudwatch/home?"
            f"region={context.region}#logEventViewer:group={quote(group, safe='/')}"
        )
        return InvocationError(
            "ModelError",
            424,
            f'Received {side} error ({status}) from primary with message "{text[:1024]}". See '
            f"{where} in account {context.account_id} for more information.",
            OriginalStatusCode=status,
            OriginalMessage=text,
            LogStreamArn=arn(
                "logs",
                f"log-group:{group}",
                region=context.region,
                account_id=context.account_id,
            ),
        )

    def _measure(self, name: str, variant: str, status: int, model: float, overhead: float) -> None:
        """Publishes an invocation's metrics in AWS/SageMaker; latencies in whole microseconds."""
        dimensions = {"EndpointName": name, "VariantName": variant}
        failed = status == 0 or status >= 500
        for metric, value, unit in (
            ("Invocations", 1.0, "None"),
            ("Invocation4XXErrors", float(400 <= status < 500), "None"),
            ("Invocation5XXErrors", float(failed), "None"),
            ("InvocationModelErrors", float(failed or status >= 400), "None"),
            ("ModelLatency", float(round(model * 1e6)), "Microseconds"),
            ("OverheadLatency", float(round(overhead * 1e6)), "Microseconds"),
        ):
            self._parts.telemetry.measure("AWS/SageMaker", metric, value, unit, dimensions)
