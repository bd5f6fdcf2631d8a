"""Tables of the members of SageMaker's requests, in the format of `cloud.member_classes`."""

from __future__ import annotations

from pathlib import Path

from localcloud.cloud.member_classes import Classes


def classes() -> Classes:
    """Returns the classes of the members of all operations."""
    return Classes.read(sorted(Path(__file__).parent.glob("*.toml")), "ValidationException")
