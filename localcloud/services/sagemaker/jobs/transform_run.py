"""Runs a transform job: starts the model's container and sends it every input object."""

from __future__ import annotations

import gzip
import http.client
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from localcloud.cloud.store import Record
from localcloud.services.sagemaker import artifacts, images
from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.endpoints.instance import Instance, InstanceError, Serving
from localcloud.services.sagemaker.jobs.batch_settings import batch_environment, completed
from localcloud.services.sagemaker.jobs.job_run import ABANDONED, JobRun, Outcome
from localcloud.services.sagemaker.parts import Parts

_MEGABYTE = 1024 * 1024
PAYLOAD_MB = 6
_TIMEOUT = 600.0
_RETRIES = 3


class TransformError(Exception):
    """The model did not answer a part of the input."""


@dataclass(frozen=True)
class Payload:
    """A request body, and the place of its records.

    Parameters
    ----------
    place
        File and lines, for error messages.
    """

    body: bytes
    place: str


class TransformRun(JobRun):
    """A running transform job.

    Parameters
    ----------
    model
        Model as in DescribeModel's response.
    """

    def __init__(
        self,
        name: str,
        role: Role,
        model: Record,
        parts: Parts,
        slots: threading.BoundedSemaphore,
    ) -> None:
        super().__init__("Transform", name, role, parts, slots)
        self._model = model

    def work(self, job: Record) -> Outcome:
        container = self._model["PrimaryContainer"]
        image = images.find(container["Image"], self.parts.settings.containers)
        artifacts.fetch_model(self.role.client("s3"), container, self.tree)
        source, target = self.tree.base / "transform-in", self.tree.base / "transform-out"
        artifacts.download(self.role, job["TransformInput"]["DataSource"]["S3DataSource"], source)
        environment = {
            **container.get("Environment", {}),
            **batch_environment(job),
            **job.get("Environment", {}),
        }
        instance = Instance(
            Serving(
                log_group=self.log_group,
                variant=self.name,
                script=image.script("serve"),
                tree=self.tree,
                python=str(self.role.account.context.python),
                model_environment=environment,
                identity=self.role,
                settings=self.parts.settings,
                telemetry=self.parts.telemetry,
            )
        )
        self.update(TransformStartTime=time.time())
        instance.start()
        try:
            instance.await_healthy(self.stopping)
            self._transform(_with_settings(job, instance.port), instance.port, source, target)
        except InstanceError as error:
            if not self.stopping.is_set():
                return "Failed", f"AlgorithmError: {error}"
        except TransformError as error:
            self.log(f"[local cloud] {error}")
            return "Failed", f"ClientError: {error}"
        finally:
            instance.stop()
        if self.abandoned:
            return "Failed", ABANDONED
        if self.stopping.is_set():
            return "Stopped", None
        output = job["TransformOutput"]
        artifacts.upload(self.role, target, output["S3OutputPath"], output.get("KmsKeyId"))
        return "Completed", None

    def _transform(self, job: Record, port: int, source: Path, target: Path) -> None:
        """Writes the model's output for each file of ``source`` to the same path in ``target``."""
        assembled = job["TransformOutput"].get("AssembleWith", "None") == "Line"
        with ThreadPoolExecutor(job.get("MaxConcurrentTransforms", 1)) as pool:
            for path in sorted(path for path in source.rglob("*") if path.is_file()):
                payloads = payloads_of(job, path, str(path.relative_to(source)))
                answers = pool.map(lambda payload: self._invoke(job, port, payload), payloads)
                output = target / path.relative_to(source).with_name(f"{path.name}.out")
                output.parent.mkdir(parents=True, exist_ok=True)
                with output.open("wb") as out:
                    for answer in answers:
                        out.write(answer)
                        if assembled and not answer.endswith(b"\n"):
                            out.write(b"\n")

    def _invoke(self, job: Record, port: int, payload: Payload) -> bytes:
        """Returns the model's response; retries server errors and broken connections."""
        client = job.get("ModelClientConfig", {})
        attempts = 1 + client.get("InvocationsMaxRetries", _RETRIES)
        problem = ""
        for _ in range(attempts):
            if self.stopping.is_set():
                return b""
            try:
                status, body = _post(job, port, payload.body)
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
                continue
            if status == 200:
                return body
            problem = f"status {status}: {body.decode(errors='replace')[:500]}"
            if status < 500:
                break
        raise TransformError(f"{payload.place}: the model refused this part: {problem}")


def _with_settings(job: Record, port: int) -> Record:
    try:
        return completed(job, port)
    except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
        raise TransformError(f"/execution-parameters of the container: {error}") from error


def _post(job: Record, port: int, payload: bytes) -> tuple[int, bytes]:
    headers = {"Content-Type": job["TransformInput"].get("ContentType", "application/octet-stream")}
    if "Accept" in job["TransformOutput"]:
        headers["Accept"] = job["TransformOutput"]["Accept"]
    timeout = job.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", _TIMEOUT)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", "/invocations", payload, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def payloads_of(job: Record, path: Path, name: str) -> Iterator[Payload]:
    """Splits a file into request bodies.

    With ``MultiRecord``, a body contains as many lines as MaxPayloadInMB allows. A line that is
    longer is refused, as in SageMaker. A blank line is no record: a body has one only between
    records, so that the model counts its lines as the file has them.

    Parameters
    ----------
    name
        Name of the file in error messages: its path below the input's prefix.
    """
    source = job["TransformInput"]
    content = path.read_bytes()
    if source.get("CompressionType") == "Gzip":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise TransformError(f"{name} is not a gzip file: {error}") from error
    limit = job.get("MaxPayloadInMB", PAYLOAD_MB) * _MEGABYTE
    if source.get("SplitType") != "Line":
        _check_size(content, limit, name)
        if content:
            yield Payload(content, name)
        return
    together = job.get("BatchStrategy", "MultiRecord") == "MultiRecord"
    first, payload = 0, b""
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        _check_size(line, limit, f"{name}, line {number}")
        if payload and (not together or 0 < limit < len(payload) + len(line)):
            yield _lines(payload, first, name)
            payload = b""
        if payload or line.strip():
            first = first if payload else number
            payload += line
    if payload:
        yield _lines(payload, first, name)


def _lines(payload: bytes, first: int, name: str) -> Payload:
    count = len(payload.splitlines())
    if count == 1:
        return Payload(payload, f"{name}, line {first}")
    place = f"{name}, lines {first} to {first + count - 1}, numbered from 1 in the request"
    return Payload(payload, place)


def _check_size(record: bytes, limit: int, place: str) -> None:
    if 0 < limit < len(record):
        raise TransformError(
            f"{place} is a record of {len(record):,} bytes; MaxPayloadInMB allows {limit:,}"
        )
