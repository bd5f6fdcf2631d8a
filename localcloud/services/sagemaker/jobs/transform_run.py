"""One transform job on its way: a model serves, and every input object is sent to it."""

from __future__ import annotations

import gzip
import http.client
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localcloud.cloud.store import Record
from localcloud.services.sagemaker import artifacts, images
from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.endpoints.instance import Instance, InstanceError, Serving
from localcloud.services.sagemaker.jobs.job_run import ABANDONED, JobRun, Outcome
from localcloud.services.sagemaker.parts import Parts

_MEGABYTE = 1024 * 1024
_PAYLOAD_MB = 6
_TIMEOUT = 600.0
_RETRIES = 3


class TransformError(Exception):
    """The model gave no answer to a part of the input."""


class TransformRun(JobRun):
    """A transform job on its way.

    Parameters
    ----------
    model
        As DescribeModel has it.
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
            "SAGEMAKER_BATCH": "true",
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
            self._transform(job, instance.port, source, target)
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
        artifacts.upload(self.role, target, job["TransformOutput"]["S3OutputPath"])
        return "Completed", None

    def _transform(self, job: Record, port: int, source: Path, target: Path) -> None:
        """Answer every file of ``source`` with a file of the same place in ``target``."""
        assembled = job["TransformOutput"].get("AssembleWith", "None") == "Line"
        with ThreadPoolExecutor(max(1, job.get("MaxConcurrentTransforms", 1))) as pool:
            for path in sorted(path for path in source.rglob("*") if path.is_file()):
                payloads = _payloads(job, path)
                answers = pool.map(lambda payload: self._invoke(job, port, payload), payloads)
                place = target / path.relative_to(source).with_name(f"{path.name}.out")
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as out:
                    for answer in answers:
                        out.write(answer)
                        if assembled and not answer.endswith(b"\n"):
                            out.write(b"\n")

    def _invoke(self, job: Record, port: int, payload: bytes) -> bytes:
        """The model's answer, asked for again where the model is at fault."""
        client = job.get("ModelClientConfig", {})
        attempts = 1 + client.get("InvocationsMaxRetries", _RETRIES)
        said = ""
        for _ in range(attempts):
            if self.stopping.is_set():
                return b""
            try:
                status, body = _post(job, port, payload)
            except (OSError, http.client.HTTPException) as error:
                said = f"{type(error).__name__}: {error}"
                continue
            if status == 200:
                return body
            said = f"status {status}: {body.decode(errors='replace')[:500]}"
            if status < 500:
                break
        raise TransformError(f"the model refused a part of the input: {said}")


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


def _payloads(job: Record, path: Path) -> Iterator[bytes]:
    """Bodies of the requests that a file is sent in.

    ``MultiRecord`` puts as many lines into one as MaxPayloadInMB lets; a line longer than that is
    refused, as SageMaker refuses it.
    """
    source = job["TransformInput"]
    content = path.read_bytes()
    if source.get("CompressionType") == "Gzip":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise TransformError(f"{path.name} is no gzip file: {error}") from error
    most = job.get("MaxPayloadInMB", _PAYLOAD_MB) * _MEGABYTE
    lines = content.splitlines(keepends=True) if source.get("SplitType") == "Line" else [content]
    together = job.get("BatchStrategy", "MultiRecord") == "MultiRecord"
    payload = b""
    for line in lines:
        if 0 < most < len(line):
            raise TransformError(
                f"{path.name} holds a record of {len(line):,} bytes; MaxPayloadInMB allows {most:,}"
            )
        if payload and (not together or 0 < most < len(payload) + len(line)):
            yield payload
            payload = b""
        payload += line
    if payload:
        yield payload
