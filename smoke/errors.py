"""Errors of the smoke test."""

from __future__ import annotations

from contracts.errors import LakecastError


class SmokeError(LakecastError):
    """The smoke test cannot start, or it failed."""


class HopError(Exception):
    """A hop did not do what it should.

    Parameters
    ----------
    found
        Observed result, in one line.
    where
        Place to look at: a log group and stream, a bucket, a page of documentation.
    """

    def __init__(self, found: str, where: str) -> None:
        super().__init__(found)
        self.found = found
        self.where = where
