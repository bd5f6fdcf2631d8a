"""Failures that the caller can mend; the command line shows them as one line."""

from __future__ import annotations


class ForecastingError(Exception):
    """Something is missing or was refused. The message says what, and what to do."""
