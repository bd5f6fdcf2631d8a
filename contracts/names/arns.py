"""ARNs, the full names of resources in AWS.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

_WITHOUT_REGION = ("budgets", "iam", "s3", "sts")
_WITHOUT_ACCOUNT = ("s3",)


def arn(service: str, resource: str, *, region: str = "", account_id: str = "") -> str:
    """Returns the ARN of a resource, or a pattern of ARNs if a part is ``*``.

    Parameters
    ----------
    service
        Prefix of the service's ARNs, for example ``dynamodb``.
    resource
        Resource in the service's format, for example ``table/orders``; bucket and key for S3.
        region, account_id
            Empty if the service's ARNs have none.
    """
    region = "" if service in _WITHOUT_REGION else region
    account_id = "" if service in _WITHOUT_ACCOUNT else account_id
    return f"arn:aws:{service}:{region}:{account_id}:{resource}"
