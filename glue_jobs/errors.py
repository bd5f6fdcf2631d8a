"""Errors that end a job with a reason."""

from __future__ import annotations


class JobError(Exception):
    """A job cannot run; the message says what is missing and what to do."""


class QuarantineError(JobError):
    """Too large a share of a run's messages is in quarantine."""
