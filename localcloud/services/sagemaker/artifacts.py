"""Between S3 and a container's tree: channels in, models in and out."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.container import Tree


class ArtifactError(Exception):
    """Data could not be had or kept; the message is fit for a FailureReason."""


def split(uri: str) -> tuple[str, str]:
    """``s3://bucket/some/key`` -> ``("bucket", "some/key")``; `ArtifactError` otherwise."""
    if not uri.startswith("s3://"):
        raise ArtifactError(f"expected an address like s3://bucket/prefix; got {uri}")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def download_channel(role: Role, channel: Mapping[str, Any], tree: Tree) -> int:
    """Fill ``input/data/<channel>`` and return the number of files.

    Raises
    ------
    ArtifactError
        Where nothing is found, nothing may be read, or the channel is of a kind not served.
    """
    source = channel["DataSource"].get("S3DataSource")
    if source is None or channel.get("InputMode", "File") == "Pipe":
        raise ArtifactError(
            f"channel {channel['ChannelName']}: the local cloud serves S3 sources in File mode only"
        )
    return download(role, source, tree.data / channel["ChannelName"])


def download(role: Role, source: Mapping[str, Any], target: Path) -> int:
    """Put all that an S3 data source names into a folder, and return the number of files.

    Raises
    ------
    ArtifactError
        Where nothing is found or nothing may be read.
    """
    s3 = role.client("s3")
    try:
        return sum(_download(s3, *item, target) for item in _objects(s3, source, role))
    except (ClientError, BotoCoreError) as error:
        raise ArtifactError(f"{error} ({source['S3Uri']}, as {role.arn})") from error


def upload(role: Role, folder: Path, uri: str) -> int:
    """Put every file of a folder below an S3 address, and return their number.

    Raises
    ------
    ArtifactError
        Where the role may not write.
    """
    bucket, prefix = split(uri)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    s3 = role.client("s3")
    try:
        for path in files:
            place = PurePosixPath(prefix) / path.relative_to(folder).as_posix()
            s3.upload_file(str(path), bucket, str(place))
    except Exception as error:  # boto3's S3UploadFailedError is neither of botocore's
        raise ArtifactError(f"{error} ({uri}, as {role.arn})") from error
    return len(files)


def _objects(
    s3: Any, source: Mapping[str, Any], role: Role
) -> Iterator[tuple[str, str, PurePosixPath]]:
    """Bucket, key and place below the channel's folder of each object."""
    uri, kind = source["S3Uri"], source["S3DataType"]
    bucket, prefix = split(uri)
    if kind == "ManifestFile":
        yield from _manifest(s3, bucket, prefix)
        return
    if kind != "S3Prefix":
        raise ArtifactError(f"the local cloud does not serve S3DataType {kind}")
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
    """``[{"prefix": "s3://…/"}, "relative/key", …]``"""
    entries = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    if not (entries and isinstance(entries[0], dict) and "prefix" in entries[0]):
        raise ArtifactError(
            f's3://{bucket}/{key} is no manifest: expected [{{"prefix": …}}, "key", …]'
        )
    source_bucket, prefix = split(entries[0]["prefix"])
    for entry in entries[1:]:
        yield source_bucket, f"{prefix}{entry}", PurePosixPath(entry)


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):  # a console's marker of an empty folder
                yield item["Key"]


def _below(key: str, prefix: str) -> PurePosixPath:
    """Where SageMaker puts an object: below its prefix, taken as a folder where it can be."""
    folder = prefix.rstrip("/") + "/"
    if prefix and key.startswith(folder):
        return PurePosixPath(key.removeprefix(folder))
    return PurePosixPath(key[prefix.rfind("/") + 1 :])


def _download(s3: Any, bucket: str, key: str, place: PurePosixPath, target: Path) -> int:
    path = target / place
    if not path.resolve().is_relative_to(target.resolve()):
        raise ArtifactError(f"s3://{bucket}/{key} would leave the folder of its channel")
    path.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(bucket, key, str(path))
    return 1


def upload_archive(role: Role, folder: Path, uri: str) -> None:
    """Pack what is in a folder into a ``.tar.gz`` and put it at an S3 address."""
    bucket, key = split(uri)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archive = Path(scratch) / PurePosixPath(key).name
        with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
            for path in sorted(folder.iterdir()):
                tar.add(path, arcname=path.name)
        try:
            role.client("s3").upload_file(str(archive), bucket, key)
        except Exception as error:  # boto3's S3UploadFailedError is neither of botocore's
            raise ArtifactError(f"{error} ({uri}, as {role.arn})") from error


def model_source(container: Mapping[str, Any]) -> tuple[str, bool] | None:
    """Address of a model's data and whether it is an archive; None for a model without data."""
    if "ModelDataUrl" in container:
        return container["ModelDataUrl"], True
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return None
    return source["S3Uri"], source["CompressionType"] == "Gzip"


def exists(s3: Any, uri: str, archived: bool) -> bool:
    """Whether a model's archive, or anything below its prefix, is there for this client to see."""
    bucket, key = split(uri)
    try:
        first = next(_keys(s3, bucket, key), None)
    except ClientError:
        return False
    return first == key if archived else first is not None


def fetch_model(s3: Any, container: Mapping[str, Any], tree: Tree) -> None:
    """Fill ``model/`` anew.

    Raises
    ------
    ArtifactError
        Where the data is missing, may not be read, or is not a tar archive.
    """
    shutil.rmtree(tree.base, ignore_errors=True)
    tree.create()
    source = model_source(container)
    if source is None:
        return
    uri, archived = source
    bucket, key = split(uri)
    try:
        if not archived:
            for found in _keys(s3, bucket, key):
                _download(s3, bucket, found, _below(found, key), tree.model)
            return
        with tempfile.TemporaryDirectory(dir=tree.base) as scratch:
            archive = Path(scratch) / "model.tar.gz"
            s3.download_file(bucket, key, str(archive))
            with tarfile.open(archive) as tar:
                tar.extractall(tree.model, filter="data")
    except (ClientError, BotoCoreError) as error:
        raise ArtifactError(f"Failed to download model data from {uri}: {error}") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ArtifactError(f"Failed to extract model data archive {uri}: {error}") from error
