"""Delivers messages from the devices' topic to the raw bucket: IoT policy, rule and Firehose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from cdktf_cdktf_provider_aws.cloudwatch_log_stream import CloudwatchLogStream
from cdktf_cdktf_provider_aws.iot_policy import IotPolicy
from cdktf_cdktf_provider_aws.iot_thing_type import IotThingType, IotThingTypeProperties
from cdktf_cdktf_provider_aws.iot_topic_rule import (
    IotTopicRule,
    IotTopicRuleFirehose,
)
from cdktf_cdktf_provider_aws.kinesis_firehose_delivery_stream import (
    KinesisFirehoseDeliveryStream,
    KinesisFirehoseDeliveryStreamExtendedS3Configuration,
    KinesisFirehoseDeliveryStreamExtendedS3ConfigurationCloudwatchLoggingOptions,
    KinesisFirehoseDeliveryStreamServerSideEncryption,
)
from constructs import Construct

from contracts.lake.locations import RAW_DELIVERY_ERRORS, RAW_RULE_ERRORS, RAW_TELEMETRY
from contracts.messages.device_shadow import shadow_topic
from contracts.messages.telemetry import basic_ingest_topic, status_topic, topic
from contracts.names import Names
from contracts.settings.schema import Delivery
from infra.modules.core.literal import literal
from infra.modules.core.policy import (
    RoleInputs,
    ServiceRole,
    Statement,
    document,
    use_of_data_key,
    writing_to_log_group,
)
from infra.modules.core.skips import skip
from infra.modules.ingestion.error_action import to_raw_bucket

_RULE = "SELECT *, topic(2) AS thing_name, timestamp() AS received_at FROM 'telemetry/+'"
_STREAM = "DestinationDelivery"


@dataclass(frozen=True)
class IngestionInputs:
    """Names of the environment and Firehose's buffering."""

    names: Names
    delivery: Delivery


class Ingestion(Construct):
    """Ingestion of readings: device policy, topic rule and delivery stream."""

    def __init__(self, scope: Construct, id_: str, inputs: IngestionInputs) -> None:
        super().__init__(scope, id_)
        self._names = inputs.names
        IotThingType(
            self,
            "thing_type",
            name=inputs.names.thing_type,
            properties=IotThingTypeProperties(description="Station that measures air pollution"),
        )
        self._device_policy()
        stream = self._delivery_stream(inputs.delivery)
        self._topic_rule(stream)

    def _device_policy(self) -> None:
        """Creates the policy that lets a device connect and publish as its own thing only.

        A device may get and update its own shadow. A wildcard stands for the end of the four
        topics that it receives, because an IoT policy has at most 2,048 characters.
        """
        names = self._names
        thing = "${iot:Connection.Thing.ThingName}"
        iot = partial(names.arn, "iot")
        published = (
            topic(thing),
            basic_ingest_topic(names.topic_rule, thing),
            status_topic(thing),
            shadow_topic(thing, "get"),
            shadow_topic(thing, "update"),
        )
        received = shadow_topic(thing, "*")
        IotPolicy(
            self,
            "device_policy",
            name=names.device_policy,
            policy=literal(
                document(
                    Statement(
                        "Connect",
                        ("iot:Connect",),
                        (iot(f"client/{thing}"),),
                        conditions={"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
                    ),
                    Statement(
                        "Publish", ("iot:Publish",), tuple(iot(f"topic/{one}") for one in published)
                    ),
                    Statement("Subscribe", ("iot:Subscribe",), (iot(f"topicfilter/{received}"),)),
                    Statement("Receive", ("iot:Receive",), (iot(f"topic/{received}"),)),
                    Statement(  # each device's last status is retained, its last will included
                        "Retain", ("iot:RetainPublish",), (iot(f"topic/{status_topic(thing)}"),)
                    ),
                )
            ),
        )

    def _delivery_stream(self, delivery: Delivery) -> KinesisFirehoseDeliveryStream:
        names = self._names
        written = (RAW_TELEMETRY.prefix, RAW_DELIVERY_ERRORS.prefix)
        group = names.log_groups.delivery
        CloudwatchLogStream(self, "delivery_log", name=_STREAM, log_group_name=group)
        role = ServiceRole(
            self,
            "delivery_role",
            RoleInputs(
                name=names.role("firehose"),
                service="firehose.amazonaws.com",
                description="Firehose writes readings into the raw bucket",
                statements=(
                    Statement(
                        "WriteObjects",
                        ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
                        tuple(names.bucket_arn("raw", f"{prefix}*") for prefix in written),
                    ),
                    Statement(
                        "ListBucket",
                        ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"),
                        (names.bucket_arn("raw"),),
                    ),
                    use_of_data_key(names),
                    writing_to_log_group(names, group),
                ),
                trust_conditions={"StringEquals": {"sts:ExternalId": names.account_id}},
            ),
        )
        logging = KinesisFirehoseDeliveryStreamExtendedS3ConfigurationCloudwatchLoggingOptions(
            enabled=True, log_group_name=group, log_stream_name=_STREAM
        )
        stream = KinesisFirehoseDeliveryStream(
            self,
            "delivery_stream",
            name=names.delivery_stream,
            destination="extended_s3",
            server_side_encryption=KinesisFirehoseDeliveryStreamServerSideEncryption(
                enabled=True, key_type="AWS_OWNED_CMK"
            ),
            extended_s3_configuration=KinesisFirehoseDeliveryStreamExtendedS3Configuration(
                role_arn=role.arn,
                bucket_arn=names.bucket_arn("raw"),
                prefix=f"{RAW_TELEMETRY.prefix}!{{timestamp:yyyy/MM/dd/HH}}/",
                error_output_prefix=(
                    f"{RAW_DELIVERY_ERRORS.prefix}!{{firehose:error-output-type}}"
                    "/!{timestamp:yyyy/MM/dd/HH}/"
                ),
                custom_time_zone="UTC",
                compression_format="GZIP",
                buffering_size=delivery.buffer_mb,
                buffering_interval=delivery.buffer_seconds,
                cloudwatch_logging_options=logging,
            ),
            depends_on=[role.policy],  # Firehose validates the role when the stream is created
        )
        skip(
            stream,
            CKV_AWS_241="the key's ARN belongs to the data stack; the stream holds readings for "
            "minutes under an AWS owned key, and the bucket under the data key",
        )
        return stream

    def _topic_rule(self, stream: KinesisFirehoseDeliveryStream) -> None:
        names = self._names
        role = ServiceRole(
            self,
            "topic_rule_role",
            RoleInputs(
                name=names.role("topic-rule"),
                service="iot.amazonaws.com",
                description="The topic rule passes readings on to Firehose, and errors to S3",
                statements=(
                    Statement("Deliver", ("firehose:PutRecord",), (stream.arn,)),
                    Statement(
                        "WriteErrors",
                        ("s3:PutObject",),
                        (names.bucket_arn("raw", f"{RAW_RULE_ERRORS.prefix}*"),),
                    ),
                    use_of_data_key(names),
                ),
                trust_conditions={"StringEquals": {"aws:SourceAccount": names.account_id}},
            ),
        )
        IotTopicRule(
            self,
            "topic_rule",
            name=names.topic_rule,
            description="Sends readings to the lake",
            enabled=True,
            sql=_RULE,
            sql_version="2016-03-23",
            firehose=[
                IotTopicRuleFirehose(
                    delivery_stream_name=stream.name, role_arn=role.arn, separator="\n"
                )
            ],
            error_action=to_raw_bucket(names, RAW_RULE_ERRORS, role.arn),
            depends_on=[role.policy],  # IoT validates the role when the rule is created
        )
