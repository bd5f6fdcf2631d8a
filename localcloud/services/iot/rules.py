"""Adds the actions ``firehose`` and ``s3`` and error actions to ministack's IoT topic rules.

ministack silently skips these two actions, and processes payloads that a rule cannot parse. Here, a
rule whose SELECT needs a JSON object sends any other payload to its error action, as on AWS, and so
does a rule whose SQL cannot be evaluated for a message: an exception would end the session of the
device, which then sends the message again.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import logging
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import boto3
from botocore.config import Config
from ministack.services import firehose, iot

from contracts.names import arn
from localcloud.services.cloudwatch.metrics import Meter
from localcloud.services.iam import roles
from localcloud.services.iot.rule_payloads import document, message_of, payload_problem

logger = logging.getLogger("localcloud.iot")

SERVICE = "iot.amazonaws.com"
PERMISSION_SECONDS = 5.0  # for which a permission is cached; changes in IAM itself take longer

# AWS retries an action after a transient error but does not document how often or when. The broker
# acknowledges a message after its rules have run, so a message that waits here is not lost.
RETRY_AFTER = (0.05, 0.2)  # seconds

_TEMPLATE = re.compile(r"\$\{([^}]*)\}")


class Streams(Protocol):
    """Delivery streams that accept records."""

    def put(self, account: str, region: str, name: str, records: list[bytes]) -> list[int]:
        """Puts records to a stream; returns the indices of temporarily refused records."""
        ...


@dataclass(frozen=True)
class _Published:
    """The message that a rule is processing."""

    topic: str
    payload: bytes
    client_id: str | None


_published: contextvars.ContextVar[_Published] = contextvars.ContextVar("published")
_handles_error: contextvars.ContextVar[bool] = contextvars.ContextVar("handles", default=False)


class Rules:
    """Additions to ministack's rule engine.

    Parameters
    ----------
    streams
        Firehose delivery streams.
    endpoint_url
        Endpoint of S3.
    meter
        Counter of messages and actions.
    """

    def __init__(self, streams: Streams, endpoint_url: str, meter: Meter) -> None:
        self._streams = streams
        self._endpoint_url = endpoint_url
        self._meter = meter
        self._allowed_until: dict[tuple[str, str, str], float] = {}
        self._dispatch = iot._dispatch_rule_action
        self._run = iot._run_rule_actions
        self._run_error_action = iot._dispatch_rule_error_action
        self._call = iot._eval_select_function

    def install(self) -> None:
        """Installs the additions in ministack."""
        iot._dispatch_rule_action = self._dispatch_action
        iot._run_rule_actions = self._run_actions
        iot._dispatch_rule_error_action = self._dispatch_error_action
        iot._eval_select_function = self._call_function
        iot._rule_message = message_of
        iot._RULE_ACTION_RESOURCE_KEYS.update(
            {"firehose": ("deliveryStreamName",), "s3": ("bucketName",)}
        )
        # Caches pure functions that parse a rule's text, which ministack calls for every message.
        for name in (
            "_rule_topic_filter",
            "_rule_select_clause",
            "_rule_where_clause",
            "_split_select_items",
            "_split_select_alias",
        ):
            setattr(iot, name, functools.lru_cache(maxsize=1024)(getattr(iot, name)))

    async def _run_actions(  # noqa: PLR0917 - ministack's signature
        self,
        account: str,
        region: str,
        rule: dict[str, Any],
        payload: bytes,
        topic: str = "",
        client_id: str | None = None,
    ) -> None:
        token = _published.set(_Published(topic, payload or b"", client_id))
        try:
            problem = payload_problem(rule, payload)
            self._count_match(account, region, rule, unreadable=problem is not None)
            if problem is None:
                try:
                    await self._run(account, region, rule, payload, topic, client_id)
                except Exception as error:  # of the SQL: those of actions are handled inside
                    problem = f"Failed to evaluate the SQL: {type(error).__name__}: {error}"
                else:
                    return
            logger.warning("rule %s, topic %s: %s", rule.get("ruleName"), topic, problem)
            actions = rule.get("actions") or [{}]
            failures = [
                {
                    "failedAction": iot._rule_action_name(next(iter(action), "")),
                    "failedResource": iot._rule_action_resource(action, next(iter(action), "")),
                    "errorMessage": problem,
                }
                for action in actions
            ]
            await iot._dispatch_rule_error_action(
                account, region, rule, topic, payload or b"", client_id, failures
            )
        finally:
            _published.reset(token)

    async def _dispatch_error_action(self, *arguments: Any) -> None:
        token = _handles_error.set(True)
        try:
            await self._run_error_action(*arguments)
        finally:
            _handles_error.reset(token)

    async def _dispatch_action(
        self, account: str, region: str, rule_name: str, action: dict[str, Any], event: Any
    ) -> None:
        prefix = "ErrorAction" if _handles_error.get() else ""
        kind = next(iter(action), "")
        dimensions = {"RuleName": rule_name, "ActionType": kind[:1].upper() + kind[1:]}
        outcome = "Failure"
        try:
            await self._act(account, region, rule_name, action, event)
            outcome = "Success"
        finally:
            values = {f"{prefix}{outcome}": 1.0}
            self._meter.measure((account, region), "AWS/IoT", dimensions, values)

    def _count_match(
        self, account: str, region: str, rule: dict[str, Any] | None, *, unreadable: bool
    ) -> None:
        """Publishes AWS's metrics of a rule that matches a message."""
        if not rule or rule.get("ruleDisabled"):
            return
        scope, named = (account, region), {"RuleName": rule["ruleName"]}
        self._meter.measure(scope, "AWS/IoT", {}, {"RulesExecuted": 1.0})
        self._meter.measure(scope, "AWS/IoT", named, {"TopicMatch": 1.0})
        if unreadable:
            self._meter.measure(scope, "AWS/IoT", named, {"ParseError": 1.0})

    async def _act(
        self, account: str, region: str, rule_name: str, action: dict[str, Any], event: Any
    ) -> None:
        if "firehose" in action:
            await self._to_firehose(account, region, action["firehose"], event)
        elif "s3" in action:
            await asyncio.to_thread(self._to_s3, region, action["s3"], event)
        else:
            document(event)  # computed numbers may be infinite, which ministack would write
            await self._dispatch(account, region, rule_name, action, event)

    async def _to_firehose(
        self, account: str, region: str, action: dict[str, Any], event: Any
    ) -> None:
        name = action["deliveryStreamName"]
        batch = action.get("batchMode") and isinstance(event, list)
        permission = "firehose:PutRecordBatch" if batch else "firehose:PutRecord"
        stream_arn = arn("firehose", f"deliverystream/{name}", region=region, account_id=account)
        self._check(action["roleArn"], permission, stream_arn, region)
        separator = action.get("separator", "").encode()
        records = [document(one) + separator for one in (event if batch else [event])]
        for wait in (*RETRY_AFTER, None):
            refused = self._streams.put(account, region, name, records)
            if not refused:
                return
            records = [records[at] for at in refused]
            if wait is not None:
                await asyncio.sleep(wait)
        raise RuntimeError(
            f"Failed to put {len(records)} records to {name}: ServiceUnavailableException after "
            f"{1 + len(RETRY_AFTER)} attempts"
        )

    def _to_s3(self, region: str, action: dict[str, Any], event: Any) -> None:
        session = roles.assume(action["roleArn"], SERVICE, "iot-rule", region)
        client = boto3.Session(
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            aws_session_token=session.session_token,
            region_name=region,
        ).client(
            "s3",
            endpoint_url=self._endpoint_url,
            config=Config(retries={"total_max_attempts": 3}, s3={"addressing_style": "path"}),
        )
        options = {"ACL": action["cannedAcl"]} if action.get("cannedAcl") else {}
        client.put_object(
            Bucket=action["bucketName"],
            Key=substituted(action["key"], event),
            Body=document(event),
            **options,
        )

    def _check(self, role: str, permission: str, resource: str, region: str) -> None:
        key = (role, permission, resource)
        now = time.monotonic()
        if self._allowed_until.get(key, 0.0) < now:
            roles.check_allows(role, SERVICE, permission, resource, region)
            self._allowed_until[key] = now + PERMISSION_SECONDS

    def _call_function(  # noqa: PLR0917 - ministack's signature
        self,
        name: str,
        args: list[str],
        topic: str,
        payload: bytes,
        message: Any,
        client_id: str | None = None,
    ) -> Any:
        if name == "parse_time" and len(args) in (2, 3):
            pattern, zone = _unquoted(args[0]), _unquoted(args[2]) if len(args) == 3 else "UTC"
            millis = iot._eval_select_expr(args[1], topic, payload, message, client_id)
            moment = datetime.fromtimestamp(float(millis) / 1000, UTC).astimezone(ZoneInfo(zone))
            return firehose._java_time(pattern, moment.timetuple())
        return self._call(name, args, topic, payload, message, client_id)


def substituted(template: str, event: Any) -> str:
    """Fills a template such as ``errors/${parse_time("yyyy", timestamp())}/${newuuid()}``.

    Expressions can refer to the received message and to attributes of the rule's result
    (docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html).

    Raises
    ------
    ValueError
        If an expression has no value.
    """
    message = _published.get()

    def evaluate(match: re.Match[str]) -> str:
        value = iot._eval_select_expr(
            match.group(1), message.topic, message.payload, event, message.client_id
        )
        if value is iot._MISSING or value is None:
            raise ValueError(f"the substitution template {match.group(0)} has no value")
        return value if isinstance(value, str) else json.dumps(value, allow_nan=False)

    return _TEMPLATE.sub(evaluate, template)


def _unquoted(argument: str) -> str:
    return argument.strip().strip("\"'")
