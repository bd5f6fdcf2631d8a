"""Input files of a transform job are cut into requests whose places can be named."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.cloud.aws_api import AwsError
from localcloud.services.sagemaker.jobs.batch_settings import batch_environment, completed
from localcloud.services.sagemaker.jobs.transform_run import TransformError, payloads_of
from tests.support.models.sagemaker_service import Service


def job(**changes):
    split = changes.pop("SplitType", "Line")
    compression = changes.pop("CompressionType", "None")
    return {"TransformInput": {"SplitType": split, "CompressionType": compression}, **changes}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.jsonl"


def payloads(job, file, content):
    file.write_bytes(content)
    return [(one.body, one.place) for one in payloads_of(job, file, "b/a.jsonl")]


def test_a_blank_line_is_no_record(file):
    single = job(BatchStrategy="SingleRecord")
    assert payloads(single, file, b"\n1\n \r\n2\n\n") == [
        (b"1\n", "b/a.jsonl, line 2"),
        (b"2\n", "b/a.jsonl, line 4"),
    ]
    assert payloads(job(), file, b"\n\n \n") == []


def test_lines_of_a_request_are_numbered_as_in_the_file(file):
    ((body, place),) = payloads(job(), file, b"\n1\n\n3")
    assert body == b"1\n\n3"
    assert place == "b/a.jsonl, lines 2 to 4, numbered from 1 in the request"


def test_a_file_that_is_not_split_is_one_request(file):
    whole = job(SplitType="None")
    assert payloads(whole, file, b"\n1\n2\n") == [(b"\n1\n2\n", "b/a.jsonl")]
    assert payloads(whole, file, b"") == []


def test_a_record_that_is_too_long_is_named(file):
    with pytest.raises(TransformError, match=r"b/a.jsonl, line 2 is a record of 1,048,577 bytes"):
        payloads(job(MaxPayloadInMB=1), file, b"1\n" + b"x" * 1024 * 1024 + b"\n")


@pytest.mark.parametrize(
    "content", [b"text", gzip.compress(b"text", mtime=0)[:-9], b"\x1f\x8b\x08"]
)
def test_a_file_that_is_not_compressed_is_named(file, content):
    with pytest.raises(TransformError, match=r"b/a.jsonl is not a gzip file"):
        payloads(job(CompressionType="Gzip"), file, content)


@given(
    lines=st.lists(st.sampled_from([b"", b" ", b"1", b"x" * 400_000]), max_size=9),
    together=st.booleans(),
)
def test_every_record_is_sent_once_and_named_by_its_line(tmp_path_factory, lines, together):
    strategy = "MultiRecord" if together else "SingleRecord"
    file = tmp_path_factory.getbasetemp() / "property.jsonl"
    given = job(BatchStrategy=strategy, MaxPayloadInMB=1)
    sent = {}
    for body, place in payloads(given, file, b"\n".join(lines)):
        first = int(re.search(r"lines? (\d+)", place)[1])
        records = body.splitlines()
        assert records[0].strip()
        sent |= {first + at: record for at, record in enumerate(records) if record.strip()}
    assert sent == {at: line for at, line in enumerate(lines, start=1) if line.strip()}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"BatchStrategy": "SingleRecord"}, "BatchStrategy needs a SplitType"),
        ({"MaxConcurrentTransforms": 17}, "can be at most 100; got 102"),
        ({"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 51}, "can be at most 100; got 102"),
    ],
)
def test_batches_that_aws_documents_as_invalid_are_refused(
    service: Service, changes: dict[str, Any], reason: str
) -> None:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/key"}}
    request = {
        "TransformJobName": "job",
        "ModelName": "model",
        "TransformInput": {"DataSource": source},
        "TransformOutput": {"S3OutputPath": "s3://bucket/key"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }
    with pytest.raises(AwsError, match=reason):
        service.call("CreateTransformJob", request)


# --- settings that the container receives or answers ---


@contextmanager
def container(status: int, answer: bytes) -> Iterator[int]:
    """A model server that answers every GET; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/execution-parameters"
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


PARAMETERS = (
    b'{"MaxConcurrentTransforms": 8, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 2}'
)


def test_container_decides_what_the_request_leaves_open() -> None:
    with container(200, PARAMETERS) as port:
        assert completed({"MaxConcurrentTransforms": 0, "MaxPayloadInMB": 5}, port) == {
            "MaxConcurrentTransforms": 8,
            "BatchStrategy": "SingleRecord",
            "MaxPayloadInMB": 5,
        }


@pytest.mark.parametrize(("status", "answer"), [(404, b"not here"), (200, b"")])
def test_container_without_execution_parameters_leaves_the_defaults(
    status: int, answer: bytes
) -> None:
    with container(status, answer) as port:
        assert completed({"MaxConcurrentTransforms": 0}, port) == {}


def test_container_is_told_the_settings_of_the_request() -> None:
    assert batch_environment({"BatchStrategy": "MultiRecord", "MaxPayloadInMB": 1}) == {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1",
    }
