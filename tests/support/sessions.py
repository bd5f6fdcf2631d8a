"""boto3 sessions of a local cloud, and the account and region of synthesised estates."""

from __future__ import annotations

import boto3

from localcloud.cloud.launch import LocalCloud

ACCOUNT, REGION = "123456789012", "eu-west-1"
"""AWS's example account, for estates that are only synthesised or planned."""


def session_of(cloud: LocalCloud) -> boto3.Session:
    """Returns a boto3 session for a cloud, regardless of environment variables."""

    class Session(boto3.Session):
        def client(self, service_name, *args, **kwargs):  # type: ignore[no-untyped-def]
            kwargs.setdefault("endpoint_url", cloud.endpoint_url)
            return super().client(service_name, *args, **kwargs)

    return Session(
        aws_access_key_id=cloud.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud.env["AWS_SECRET_ACCESS_KEY"],
        region_name=cloud.env["AWS_REGION"],
    )
