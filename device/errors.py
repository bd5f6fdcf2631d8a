"""Errors that a user can fix: each message says what is wrong and what to do."""

from __future__ import annotations

from contracts.errors import LakecastError


class DeviceError(LakecastError):
    """Base class of all errors that the command line reports in one line."""


class RefusedError(DeviceError):
    """The broker does not accept this device, or not on this topic; retrying does not help."""


class UnreachableError(DeviceError):
    """The broker could not be reached before the timeout."""


class KitError(DeviceError):
    """A connection kit is missing, incomplete or for another device or environment."""


class OutboxError(DeviceError):
    """The outbox can't be opened or written."""


class OutboxBusyError(OutboxError):
    """Another agent has the outbox open."""


class SensorError(DeviceError):
    """A sensor is not installed, lacks options, or failed."""


class ProvisioningError(DeviceError):
    """AWS IoT rejected a request, or a required resource does not exist."""


class AnswerError(DeviceError):
    """A response of AWS IoT does not have its documented form."""
