"""Failures that the caller can mend; the command line shows them as one line."""

from __future__ import annotations

from botocore.exceptions import ClientError

from contracts.errors import LakecastError


class ForecastingError(LakecastError):
    """Something is missing or was refused. The message says what, and what to do."""


def message_of(error: ClientError) -> str:
    """What AWS says, without botocore's words around it."""
    return str(error.response["Error"].get("Message", error))


def is_missing(error: ClientError) -> bool:
    """Whether SageMaker refused a call because there is nothing of that name.

    SageMaker has one code, ``ValidationException``, for most refusals, so its words decide: "Could
    not find endpoint …", "ModelPackage … does not exist.", and of jobs "Requested resource not
    found." This is the only place that knows them.
    """
    message = message_of(error)
    return any(words in message for words in ("Could not find", "does not exist", "not found"))
