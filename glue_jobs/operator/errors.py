"""What ends a verb of the Glue jobs with one line."""

from __future__ import annotations

from contracts.errors import LakecastError
from contracts.names import Names


class JobFailedError(LakecastError):
    """A job can't be started or has failed; the message is one line that says why."""


class NoEstateError(JobFailedError):
    """What the estate should have made is not there.

    Parameters
    ----------
    what
        Such as ``the bucket x``.
    """

    def __init__(self, what: str, names: Names) -> None:
        super().__init__(
            f"no estate here: {what} does not exist in {names.region}; "
            f"say `make plan apply ENV={names.environment}` first"
        )
