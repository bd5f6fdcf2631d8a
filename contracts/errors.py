"""Base class of errors that a user can act on."""

from __future__ import annotations


class LakecastError(Exception):
    """An expected failure; its message says what is wrong and what to do.

    The command line prints the message and no traceback. Each part derives its own errors from it.
    """
