"""Lambda entry point of AWS IoT's pre-provisioning hook: ``provisioning_hook.handler.handler``.

It serves both provisioning templates. A claim needs its serial number on the allow-list. For a
rotation, the certificate of the device's session must be attached to the thing whose name is the
session's client id. The hook, never the device, sets the thing's name. A failure is a refusal:
AWS IoT treats an exception, or no response within five seconds, as one.

Environment
-----------
=====================  ====================================================================
``LAKECAST_ENV``       environment, from which the templates' names are derived
``ACCOUNT_ID``         account of those names
``ALLOW_LIST_TABLE``   DynamoDB table, `contracts.names.Names.allow_list_table`
=====================  ====================================================================
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from contracts.names import Names
from provisioning_hook.admission import Claim, RefusedError, admitted, refused, template_name
from provisioning_hook.allow_list import AllowList

_QUICK = Config(
    connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2}
)


class Hook:
    """Pre-provisioning hook: decides which devices may be provisioned.

    Parameters
    ----------
    iot
        boto3 client of AWS IoT.
    """

    def __init__(
        self,
        names: Names,
        allow_list: AllowList,
        iot: Any,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._checks = {
            names.claim_template: self._claim,
            names.rotation_template: self._rotation,
        }
        self._allow_list = allow_list
        self._iot = iot
        self._now = now

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one event of AWS IoT (payload version 2020-04-01) and write one log line."""
        template = template_name(event)
        try:
            thing_name = self._checks.get(template, _unknown_template)(event)
        except RefusedError as refusal:
            _log("WARNING", event, template=template, refused=str(refusal))
            return refused()
        _log("INFO", event, template=template, thing_name=thing_name)
        return admitted(thing_name)

    def _claim(self, event: Mapping[str, Any]) -> str:
        return self._allow_list.take(Claim.of(event), self._now())

    def _rotation(self, event: Mapping[str, Any]) -> str:
        """Check a rotation; the device policy ensures that the client id is the thing's name."""
        thing_name, certificate = event.get("clientId"), event.get("claimCertificateId")
        if not (thing_name and certificate):
            raise RefusedError("a rotation needs a client id and a certificate")
        pages = self._iot.get_paginator("list_thing_principals").paginate(thingName=thing_name)
        try:
            held = {arn.rpartition("/")[2] for page in pages for arn in page["principals"]}
        except self._iot.exceptions.ResourceNotFoundException:
            raise RefusedError(f"there is no thing {thing_name}") from None
        if certificate not in held:
            raise RefusedError(f"{thing_name} does not hold certificate {certificate}")
        return str(thing_name)


def _unknown_template(event: Mapping[str, Any]) -> str:
    raise RefusedError(f"unknown template: {event['templateArn']}")


def _log(level: str, event: Mapping[str, Any], **fields: Any) -> None:
    asked_with, given = event.get("claimCertificateId"), event.get("certificateId")
    print(
        json.dumps(
            {"level": level, "asked_with": asked_with, "certificate_id": given, **fields},
            allow_nan=False,
        ),
        flush=True,
    )


def _build(environ: Mapping[str, str]) -> Hook:
    session = boto3.Session()
    names = Names(environ["LAKECAST_ENV"], environ["ACCOUNT_ID"], str(session.region_name))
    dynamodb = session.client("dynamodb", config=_QUICK)
    allow_list = AllowList(dynamodb, environ["ALLOW_LIST_TABLE"])
    return Hook(names, allow_list, session.client("iot", config=_QUICK))


_hook: Hook | None = None


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer AWS IoT."""
    global _hook  # noqa: PLW0603 - created at the first event, kept for the process
    _hook = _hook or _build(os.environ)
    return _hook.answer(event)
