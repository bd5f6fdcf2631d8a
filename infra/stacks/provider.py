"""Which release of the AWS provider the estate is written for."""

from __future__ import annotations

VERSION = "5.100.0"
"""The release that the bindings are generated from. A mirror has to hold it."""
