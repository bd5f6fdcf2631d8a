"""Failures that the caller can mend; the command line shows them as one line."""

from __future__ import annotations

from botocore.exceptions import ClientError

from contracts.errors import LakecastError


class ForecastingError(LakecastError):
    """Something is missing or was refused. The message says what, and what to do."""


def message_of(error: ClientError) -> str:
    """What AWS says, without botocore's words around it."""
    return str(error.response["Error"].get("Message", error))
