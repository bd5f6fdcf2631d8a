"""HTTP interface of a trained model: ``/ping``, ``/invocations`` and ``/execution-parameters``.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from container_runtime.errors import CustomerError, RequestError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.json_text import parsed
from forecast_format.forecasts import ForecastModel
from forecast_format.invocation import Configuration, answer_json, answer_json_lines

logger = logging.getLogger("forecast")

MAX_BODY_BYTES = 6 * 1024 * 1024
"""SageMaker's limit of a real-time request; ``/execution-parameters`` gives batch transform the
same limit."""

BATCH_ENVIRONMENT = "DEEPAR_INFERENCE_CONFIG"
"""Environment variable with the configuration of every line in batch transform, as JSON."""


def application(model: ForecastModel, environment: Mapping[str, str]) -> Starlette:
    """Build the server of one model.

    Raises
    ------
    RequestError
        ``DEEPAR_INFERENCE_CONFIG`` is not a valid configuration for the model.
    """
    batch = _batch_configuration(environment, model)
    # a model may have one random generator for all requests, and one request uses all of the CPU
    one_at_a_time = threading.Lock()

    def answer(content_type: str, body: bytes) -> Response:
        with one_at_a_time:
            if content_type == "application/jsonlines":
                text = answer_json_lines(model, body, batch)
                return Response(text, media_type="application/jsonlines")
            return JSONResponse(answer_json(model, body))

    async def invocations(request: Request) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in ("application/json", "application/jsonlines"):
            return _refusal(
                415, f"expected application/json or application/jsonlines; got {content_type!r}"
            )
        body = await request.body()
        if len(body) > MAX_BODY_BYTES:
            return _refusal(413, f"at most {MAX_BODY_BYTES} bytes are read; got {len(body)}")
        try:
            return await run_in_threadpool(answer, content_type, body)
        except CustomerError as error:
            return _refusal(400, str(error))
        except Exception as error:
            logger.exception("invocation failed")
            return _refusal(500, f"{type(error).__name__}: {error}")

    async def ping(_: Request) -> Response:
        return Response()

    async def execution_parameters(_: Request) -> Response:
        return JSONResponse(
            {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
        )

    return Starlette(
        routes=[
            Route("/ping", ping),
            Route("/invocations", invocations, methods=["POST"]),
            Route("/execution-parameters", execution_parameters),
        ]
    )


def _batch_configuration(environment: Mapping[str, str], model: ForecastModel) -> Configuration:
    text = environment.get(BATCH_ENVIRONMENT)
    if not text:
        return Configuration()
    try:
        configuration = Configuration.parse(parsed(text.encode()))
        configuration.check(model)
    except ValueError as error:
        raise RequestError(f"{BATCH_ENVIRONMENT}: {error}") from None
    return configuration


def _refusal(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)
