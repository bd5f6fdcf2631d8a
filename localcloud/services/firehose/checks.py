"""Checks requests to Firehose as AWS does, beyond its model, and refuses what is not supported.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cache
from pathlib import Path
from typing import Any

from contracts.names import arn
from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.aws_shapes import operation_model
from localcloud.cloud.member_classes import Classes
from localcloud.services.iam import roles

Request = dict[str, Any]
SERVICE = "firehose.amazonaws.com"
COMPRESSIONS = ("UNCOMPRESSED", "GZIP")
_INVALID = "InvalidArgumentException"
_PROCESSORS = ("AppendDelimiterToRecord", "Lambda", "MetadataExtraction")
_CONVERTED_MBS = 64
_MOST_TAGS = 50
_EXPRESSION = re.compile(r"!\{([^:}]*):([^}]*)\}")
_ERROR_TYPE = "!{firehose:error-output-type}"
_DYNAMIC = ("partitionKeyFromQuery", "partitionKeyFromLambda")
_STREAM = "DeliveryStreamName"


@cache
def classes() -> Classes:
    """Returns the classes of the members of all operations."""
    return Classes.read([Path(__file__).with_name("members.toml")], _INVALID)


def check(operation: str, request: Request, account: str, region: str) -> None:
    """Checks a request of the control plane.

    Raises
    ------
    AwsError
        AWS would refuse it, or the local cloud does not support it.
    """
    if operation not in classes().tables:
        return
    classes().check(operation, operation_model("firehose", operation).input_shape, request)
    if operation == "CreateDeliveryStream":
        check_tags(request.get("Tags") or [])
        members = [name for name in request if name.endswith("DestinationConfiguration")]
        if len(members) != 1:
            raise _invalid(f"Exactly one destination configuration is required; got {members}")
        check_destination(request[members[0]], is_new=True)
    for name in ("ExtendedS3DestinationUpdate", "S3DestinationUpdate"):
        if name in request:
            check_destination(request[name])
    for destination in _destinations(request):
        if "RoleARN" in destination:
            stream = f"deliverystream/{request[_STREAM]}"
            source = arn("firehose", stream, region=region, account_id=account)
            check_role(destination["RoleARN"], region, source)


def _destinations(request: Request) -> list[Request]:
    return [
        value
        for name, value in request.items()
        if name.endswith(("DestinationConfiguration", "DestinationUpdate"))
    ]


def check_role(role: str, region: str, stream: str) -> None:
    """Refuses a role that Firehose cannot assume.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
    """
    try:
        roles.assume(role, SERVICE, "validation", region, stream)
    except roles.RoleError as error:
        raise _invalid(
            f"Firehose is unable to assume role {role}. Please check the role provided. ({error})"
        ) from error


def check_tags(tags: list[Request]) -> None:
    """Checks the tags of a new stream."""
    keys = [tag["Key"] for tag in tags]
    if len(keys) > _MOST_TAGS or len(set(keys)) < len(keys):
        raise _invalid(f"expected at most {_MOST_TAGS} tags with different keys; got {keys}")


def check_destination(config: Request, *, is_new: bool = False) -> None:
    """Checks an S3 destination, or the changed members of one."""
    compression = config.get("CompressionFormat", COMPRESSIONS[0])
    if compression not in COMPRESSIONS:
        raise _invalid(f"expected CompressionFormat {' or '.join(COMPRESSIONS)}; got {compression}")
    _check_buffering(config)
    _check_processors(config)
    _check_prefixes(config)
    zone = config.get("CustomTimeZone")
    if zone and zone not in zoneinfo.available_timezones():
        raise _invalid(f"expected a time zone of the IANA database as CustomTimeZone; got {zone}")
    if is_new and not config.get("BucketARN", "").startswith(arn("s3", "")):
        raise _invalid(f"expected the ARN of a bucket as BucketARN; got {config.get('BucketARN')}")


def _check_buffering(config: Request) -> None:
    """Checks the buffering hints, beyond their bounds.

    https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
    """
    hints = config.get("BufferingHints")
    if hints is None:
        return
    if set(hints) != {"SizeInMBs", "IntervalInSeconds"}:
        raise _invalid(
            f"BufferingHints needs both SizeInMBs and IntervalInSeconds; got {', '.join(hints)}"
        )
    is_converted = (config.get("DataFormatConversionConfiguration") or {}).get("Enabled")
    is_partitioned = (config.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
    if (is_converted or is_partitioned) and hints["SizeInMBs"] < _CONVERTED_MBS:
        raise _invalid(
            f"BufferingHints.SizeInMBs must be at least {_CONVERTED_MBS} when data format "
            f"conversion or dynamic partitioning is enabled; got {hints['SizeInMBs']}"
        )


def _check_processors(config: Request) -> None:
    processing = config.get("ProcessingConfiguration") or {}
    types = [processor["Type"] for processor in processing.get("Processors") or []]
    if len(types) > 1 and _PROCESSORS[0] in types:
        raise _invalid(f"The local cloud does not combine {_PROCESSORS[0]}; got {', '.join(types)}")
    for processor in types:
        if processor not in _PROCESSORS:
            raise _invalid(
                f"The local cloud does not support the processor {processor}: expected "
                f"{' or '.join(_PROCESSORS)}"
            )


def _check_prefixes(config: Request) -> None:
    """Checks the expressions of prefixes.

    https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
    """
    prefix, errors = config.get("Prefix") or "", config.get("ErrorOutputPrefix") or ""
    if "!{" in prefix and not errors:
        raise _invalid("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
    if _ERROR_TYPE in prefix:
        raise _invalid(
            "Prefix cannot contain !{firehose:error-output-type}; use it in ErrorOutputPrefix"
        )
    if "!{" in errors and _ERROR_TYPE not in errors:
        raise _invalid(
            f"ErrorOutputPrefix with expressions must contain {_ERROR_TYPE}; got {errors}"
        )
    partitioning = (config.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
    for text in (prefix, errors):
        found = _EXPRESSION.findall(text)
        if len(found) != text.count("!{"):
            raise _invalid(f"expected !{{namespace:value}} in a prefix; got {text}")
        for namespace, value in found:
            is_known = (
                namespace == "timestamp"
                or (namespace, value) == ("firehose", "random-string")
                or (text is errors and (namespace, value) == ("firehose", "error-output-type"))
                or (namespace in _DYNAMIC and partitioning and text is prefix)
            )
            if not is_known:
                raise _invalid(
                    f"The expression !{{{namespace}:{value}}} is not supported in {text}"
                )


def _invalid(message: str) -> AwsError:
    return AwsError(_INVALID, message)
