"""Tells a container the settings of a batch transform, and asks it for those that are not given.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

from localcloud.cloud.store import Record

_VARIABLES = {
    "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
    "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
    "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
}
_STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}
_TIMEOUT = 10.0  # seconds


def batch_environment(job: Record) -> dict[str, str]:
    """Builds the variables of a container in a batch transform: the settings of the request."""
    given = {name: _STRATEGIES.get(job[name], job[name]) for name in _VARIABLES if name in job}
    return {"SAGEMAKER_BATCH": "true", **{_VARIABLES[name]: str(given[name]) for name in given}}


def completed(job: Record, port: int) -> Record:
    """Returns a job with the settings that its request leaves to the container."""
    given = {name: value for name, value in job.items() if name != "MaxConcurrentTransforms"}
    if job.get("MaxConcurrentTransforms"):
        given["MaxConcurrentTransforms"] = job["MaxConcurrentTransforms"]
    if all(name in given for name in _VARIABLES):
        return given
    strategies = {written: name for name, written in _STRATEGIES.items()}
    asked = {name: value for name, value in _answer(port).items() if name in _VARIABLES}
    if "BatchStrategy" in asked:
        asked["BatchStrategy"] = strategies[asked["BatchStrategy"]]
    return {**asked, **given}


def _answer(port: int) -> Mapping[str, Any]:
    """Returns what ``/execution-parameters`` answers; nothing if the container has no such path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/execution-parameters")
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status != 200 or not text:
        return {}
    parsed: dict[str, Any] = json.loads(text)
    return parsed
