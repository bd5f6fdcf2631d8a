"""ARNs, the full names of things in AWS.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

_WITHOUT_REGION = ("budgets", "iam", "s3", "sts")
_WITHOUT_ACCOUNT = ("s3",)


def arn(service: str, resource: str, *, region: str = "", account_id: str = "") -> str:
    """ARN of a resource, or a pattern of ARNs where a part is ``*``.

    Parameters
    ----------
    service
        Prefix of the service's ARNs, for example ``dynamodb``.
    resource
        As the service writes it, for example ``table/orders``; of S3, bucket and key.
    region, account_id
        Left out where the service's ARNs have none.
    """
    region = "" if service in _WITHOUT_REGION else region
    account_id = "" if service in _WITHOUT_ACCOUNT else account_id
    return f"arn:aws:{service}:{region}:{account_id}:{resource}"
