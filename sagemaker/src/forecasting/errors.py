"""Errors that a user can fix; the command line shows them as one line."""

from __future__ import annotations

from botocore.exceptions import ClientError

from contracts.errors import LakecastError


class ForecastingError(LakecastError):
    """Something is missing or was refused; the message says what it is and what to do."""


def message_of(error: ClientError) -> str:
    """Returns AWS's message, without the text that botocore adds."""
    return str(error.response["Error"].get("Message", error))


def is_missing(error: ClientError) -> bool:
    """Returns whether SageMaker refused a call because the named resource does not exist.

    SageMaker uses one code, ``ValidationException``, for most errors, so the message decides:
    "Could not find endpoint …", "ModelPackage … does not exist." or, for jobs, "Requested resource
    not found." All code that needs this check calls this function.
    """
    message = message_of(error)
    return any(words in message for words in ("Could not find", "does not exist", "not found"))
