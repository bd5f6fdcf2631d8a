"""Counts the data in the estate as a user would: in S3 and with Athena."""

from __future__ import annotations

import gzip
from typing import Any

import boto3

from contracts.errors import LakecastError
from contracts.lake import locations
from contracts.lake.queries import QueryError, query
from contracts.names import Names


class CheckError(LakecastError):
    """A count in the estate is wrong; the message has the expected and the actual value."""


class Estate:
    """The local estate, accessed with an administrator's permissions.

    Parameters
    ----------
    environment
        Variables of ``local.env``: endpoint, region and credentials.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        self._endpoint_url = environment["AWS_ENDPOINT_URL"]
        self._s3 = self.client("s3")
        self._lines: dict[str, int] = {}
        self.names = Names("local", self.client("sts").get_caller_identity()["Account"], "")

    def client(self, service: str) -> Any:
        """Returns a boto3 client of a service in this estate."""
        return self._session.client(service, endpoint_url=self._endpoint_url)

    def raw_messages(self) -> int:
        """Counts the lines that Firehose has delivered."""
        return sum(self._count_lines(key) for key in self._keys(locations.RAW_TELEMETRY))

    def rule_errors(self) -> int:
        """Counts the messages that the topic rule could not read."""
        return len(self._keys(locations.RAW_RULE_ERRORS))

    def quarantined(self) -> dict[str, int]:
        """Counts the messages in quarantine by reason."""
        rows = self.query("SELECT reason, count(*) AS n FROM quarantine GROUP BY reason")
        return {str(row["reason"]): int(row["n"] or 0) for row in rows}

    def readings(self) -> tuple[int, int]:
        """Counts rows and distinct identities of the curated readings with Athena."""
        (rows,) = self.query("SELECT count(*) AS n FROM telemetry")
        (identities,) = self.query(
            "SELECT count(*) AS n FROM "
            "(SELECT DISTINCT device_id, boot_id, sequence FROM telemetry)"
        )
        return int(rows["n"] or 0), int(identities["n"] or 0)

    def query(self, sql: str) -> list[dict[str, str | None]]:
        """Returns the rows of a query in Athena.

        Raises
        ------
        CheckError
            The query fails or times out.
        """
        try:
            return query(self.client("athena"), self.names, sql)
        except QueryError as error:
            raise CheckError(str(error)) from None

    def forecast_url(self) -> str:
        """Returns the forecast API's URL in the local API Gateway's form."""
        gateway = self.client("apigateway")
        pages = gateway.get_paginator("get_rest_apis").paginate()
        apis = [
            api["id"] for page in pages for api in page["items"] if api["name"] == self.names.api
        ]
        if len(apis) != 1:
            raise CheckError(f"expected one REST API named {self.names.api}; got {len(apis)}")
        stage = gateway.get_stages(restApiId=apis[0])["item"][0]["stageName"]
        return f"{self._endpoint_url}/restapis/{apis[0]}/{stage}/_user_request_/v1"

    def _keys(self, location: locations.Location) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.names.bucket(location.purpose), Prefix=location.prefix
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def _count_lines(self, key: str) -> int:
        """Counts the lines of a raw object; objects never change, so each is read once."""
        if key not in self._lines:
            body = self._s3.get_object(Bucket=self.names.bucket("raw"), Key=key)["Body"].read()
            self._lines[key] = gzip.decompress(body).count(b"\n")
        return self._lines[key]
