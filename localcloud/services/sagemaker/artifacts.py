"""Downloads channels and models from S3 to a container's tree, and uploads results."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.container import Tree


class ArtifactError(Exception):
    """Data could not be read or written; the message can be used as a FailureReason."""


def split(uri: str) -> tuple[str, str]:
    """Splits ``s3://bucket/some/key`` into bucket and key; raises `ArtifactError` otherwise."""
    if not uri.startswith("s3://"):
        raise ArtifactError(f"expected a URI like s3://bucket/prefix; got {uri}")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def download_channel(role: Role, channel: Mapping[str, Any], tree: Tree) -> int:
    """Downloads a channel to ``input/data/<channel>`` and returns the number of files.

    Raises
    ------
    ArtifactError
        If there are no objects or they cannot be read.
    """
    return download(role, channel["DataSource"]["S3DataSource"], tree.data / channel["ChannelName"])


def download(role: Role, source: Mapping[str, Any], target: Path) -> int:
    """Downloads an S3 data source to a folder and returns the number of files.

    Raises
    ------
    ArtifactError
        If there are no objects or they cannot be read.
    """
    s3 = role.client("s3")
    try:
        return sum(_download(s3, *item, target) for item in _objects(s3, source, role))
    except (ClientError, BotoCoreError) as error:
        raise ArtifactError(f"{error} ({source['S3Uri']}, as {role.arn})") from error


def upload(role: Role, folder: Path, uri: str, key: str | None = None) -> int:
    """Uploads all files of a folder below an S3 URI and returns their number.

    Parameters
    ----------
    key
        KMS key that encrypts the objects; None means the bucket's default.

    Raises
    ------
    ArtifactError
        If the role cannot write.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    upload_files(role, folder, files, uri, key)
    return len(files)


def upload_files(
    role: Role, folder: Path, files: Sequence[Path], uri: str, key: str | None = None
) -> None:
    """Uploads some files of a folder below an S3 URI; raises as `upload`."""
    if not files:
        return
    bucket, prefix = split(uri)
    s3 = role.client("s3")
    try:
        for path in files:
            name = PurePosixPath(prefix) / path.relative_to(folder).as_posix()
            s3.upload_file(str(path), bucket, str(name), ExtraArgs=_encryption(key))
    except Exception as error:  # boto3's S3UploadFailedError is not a botocore error
        raise ArtifactError(f"{error} ({uri}, as {role.arn})") from error


def _encryption(key: str | None) -> dict[str, str]:
    return {} if key is None else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}


def download_if_any(role: Role, uri: str, target: Path) -> None:
    """Downloads all objects below an S3 URI; raises `ArtifactError` if they cannot be read."""
    bucket, prefix = split(uri)
    s3 = role.client("s3")
    try:
        for key in _keys(s3, bucket, prefix.rstrip("/") + "/" if prefix else ""):
            _download(s3, bucket, key, _below(key, prefix), target)
    except (ClientError, BotoCoreError) as error:
        raise ArtifactError(f"{error} ({uri}, as {role.arn})") from error


def _objects(
    s3: Any, source: Mapping[str, Any], role: Role
) -> Iterator[tuple[str, str, PurePosixPath]]:
    """Yields each object's bucket, key and path below the channel's folder."""
    uri, kind = source["S3Uri"], source["S3DataType"]
    bucket, prefix = split(uri)
    if kind == "ManifestFile":
        yield from _manifest(s3, bucket, prefix)
        return
    if kind != "S3Prefix":
        raise ArtifactError(f"the local cloud does not support S3DataType {kind}")
    found = False
    for key in _keys(s3, bucket, prefix):
        found = True
        yield bucket, key, _below(key, prefix)
    if not found:
        region = role.account.context.region
        raise ArtifactError(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure '
            f"that the bucket exists in the selected region ({region}), that objects exist under "
            f'that S3 prefix, and that the role "{role.arn}" has "s3:ListBucket" permissions on '
            f'bucket "{bucket}".'
        )


def _manifest(s3: Any, bucket: str, key: str) -> Iterator[tuple[str, str, PurePosixPath]]:
    """Reads a manifest of the form ``[{"prefix": "s3://…/"}, "relative/key", …]``."""
    entries = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    if not (entries and isinstance(entries[0], dict) and "prefix" in entries[0]):
        raise ArtifactError(
            f's3://{bucket}/{key} is not a manifest: expected [{{"prefix": …}}, "key", …]'
        )
    source_bucket, prefix = split(entries[0]["prefix"])
    for entry in entries[1:]:
        yield source_bucket, f"{prefix}{entry}", PurePosixPath(entry)


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):  # the S3 console's marker of an empty folder
                yield item["Key"]


def _below(key: str, prefix: str) -> PurePosixPath:
    """Returns an object's path below its prefix, which is treated as a folder if possible."""
    folder = prefix.rstrip("/") + "/"
    if prefix and key.startswith(folder):
        return PurePosixPath(key.removeprefix(folder))
    return PurePosixPath(key[prefix.rfind("/") + 1 :])


def _download(s3: Any, bucket: str, key: str, relative: PurePosixPath, target: Path) -> int:
    path = target / relative
    if not path.resolve().is_relative_to(target.resolve()):
        raise ArtifactError(f"s3://{bucket}/{key} would be stored outside its channel's folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(bucket, key, str(path))
    return 1


def upload_archive(role: Role, folder: Path, uri: str, key: str | None = None) -> None:
    """Packs a folder's content into a ``.tar.gz`` archive and uploads it as `upload` does."""
    bucket, name = split(uri)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archive = Path(scratch) / PurePosixPath(name).name
        with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
            for path in sorted(folder.iterdir()):
                tar.add(path, arcname=path.name)
        try:
            extra = _encryption(key)
            role.client("s3").upload_file(str(archive), bucket, name, ExtraArgs=extra)
        except Exception as error:  # boto3's S3UploadFailedError is not a botocore error
            raise ArtifactError(f"{error} ({uri}, as {role.arn})") from error


@dataclass(frozen=True)
class ModelSource:
    """Place of a model's data in S3: an archive, an object or all objects below a prefix."""

    uri: str
    kind: str


def model_source(container: Mapping[str, Any]) -> ModelSource | None:
    """Returns the place of a model's data; None if it has no data.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html

    Raises
    ------
    ArtifactError
        If the kind of data does not allow the URI or the compression.
    """
    if "ModelDataUrl" in container:
        return ModelSource(container["ModelDataUrl"], "archive")
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return None
    uri, is_prefix = source["S3Uri"], source["S3DataType"] == "S3Prefix"
    if is_prefix and source["CompressionType"] != "None":
        raise ArtifactError(f"a prefix has no CompressionType Gzip; use S3Object for {uri}")
    if is_prefix and not uri.endswith("/"):
        raise ArtifactError(f"expected a prefix that ends with a slash; got {uri}")
    if is_prefix:
        return ModelSource(uri, "prefix")
    return ModelSource(uri, "archive" if source["CompressionType"] == "Gzip" else "object")


def exists(s3: Any, source: ModelSource) -> bool:
    """Whether a client can see a model's object, or any object below its prefix."""
    bucket, key = split(source.uri)
    try:
        first = next(_keys(s3, bucket, key), None)
    except ClientError:
        return False
    return first is not None if source.kind == "prefix" else first == key


def fetch_model(s3: Any, container: Mapping[str, Any], tree: Tree) -> None:
    """Replaces the content of ``model/`` by the model's data.

    Raises
    ------
    ArtifactError
        If the data is missing, cannot be read or is not a tar archive.
    """
    shutil.rmtree(tree.base, ignore_errors=True)
    tree.create()
    source = model_source(container)
    if source is None:
        return
    bucket, key = split(source.uri)
    try:
        if source.kind == "prefix":
            for found in _keys(s3, bucket, key):
                _download(s3, bucket, found, _below(found, key), tree.model)
            return
        if source.kind == "object":
            _download(s3, bucket, key, PurePosixPath(PurePosixPath(key).name), tree.model)
            return
        with tempfile.TemporaryDirectory(dir=tree.base) as scratch:
            archive = Path(scratch) / "model.tar.gz"
            s3.download_file(bucket, key, str(archive))
            with tarfile.open(archive) as tar:
                tar.extractall(tree.model, filter="data")
    except (ClientError, BotoCoreError) as error:
        raise ArtifactError(f"Failed to download model data from {source.uri}: {error}") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        message = f"Failed to extract model data archive {source.uri}: {error}"
        raise ArtifactError(message) from error
