"""The error action of topic rules: keeps what a rule could not hand over."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.iot_topic_rule import (
    IotTopicRuleErrorAction,
    IotTopicRuleErrorActionS3,
)

from contracts.lake.locations import Location
from contracts.names import Names
from infra.modules.core.literal import literal

_KEY = '${parse_time("yyyy/MM/dd/HH", timestamp(), "UTC")}/${newuuid()}.json'


def to_raw_bucket(names: Names, location: Location, role_arn: str) -> IotTopicRuleErrorAction:
    """Returns the action that writes a message and its errors below a location of the raw bucket.

    https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
    """
    return IotTopicRuleErrorAction(
        s3=IotTopicRuleErrorActionS3(
            bucket_name=names.bucket(location.purpose),
            key=literal(location.prefix + _KEY),
            role_arn=role_arn,
        )
    )
