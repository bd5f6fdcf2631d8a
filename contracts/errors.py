"""The base of failures that a person can act on."""

from __future__ import annotations


class LakecastError(Exception):
    """A foreseeable failure; its message says what is wrong and what to do.

    The command line prints the message and no traceback. Each part derives its own errors from it.
    """
