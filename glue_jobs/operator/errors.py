"""Errors that end a verb of the Glue jobs with one line."""

from __future__ import annotations

from contracts.errors import LakecastError
from contracts.names import Names


class JobFailedError(LakecastError):
    """A job could not be started or has failed; the message is one line with the reason."""


class NoEstateError(JobFailedError):
    """A resource of the estate does not exist.

    Parameters
    ----------
    what
        The resource, such as ``the bucket x``.
    """

    def __init__(self, what: str, names: Names) -> None:
        super().__init__(
            f"the estate is not applied: {what} does not exist in {names.region}; "
            f"run `make plan apply ENV={names.environment}` first"
        )
