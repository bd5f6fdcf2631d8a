"""Fixtures of the tests with devices in the field."""

from tests.support.device.fixtures import by, observer, site

__all__ = ["by", "observer", "site"]
