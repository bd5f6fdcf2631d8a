"""The release of the AWS provider that the estate uses."""

from __future__ import annotations

VERSION = "5.100.0"
"""The release that the bindings are generated from; a mirror must contain it."""
