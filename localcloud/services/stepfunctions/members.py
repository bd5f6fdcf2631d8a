"""Refuses request members that the local Step Functions would ignore.

`members.toml` has a section per operation that is served, in the format of `cloud.member_classes`.
Activities, TestState, and changes of Map Runs are not served.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from localcloud.cloud.member_classes import Classes


@cache
def classes() -> Classes:
    """Returns the classes of the members of all operations."""
    return Classes.read([Path(__file__).with_suffix(".toml")], "ValidationException")
