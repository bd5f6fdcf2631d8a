"""Failures that a user can mend: each message says what came and what to do."""

from __future__ import annotations

from contracts.errors import LakecastError


class DeviceError(LakecastError):
    """Base of all failures that the command line reports in one line."""


class RefusedError(DeviceError):
    """The broker does not accept this device, or not on this topic; trying again is no use."""


class UnreachableError(DeviceError):
    """The broker could not be reached in the time given."""


class KitError(DeviceError):
    """A connection kit is missing, incomplete or belongs elsewhere."""


class OutboxError(DeviceError):
    """The outbox can't be opened or written."""


class OutboxBusyError(OutboxError):
    """Another agent has the outbox open."""


class SensorError(DeviceError):
    """A sensor is not installed, lacks options, or failed."""


class RecordingError(DeviceError):
    """A recording, or the description of its columns, can't be read."""


class ProvisioningError(DeviceError):
    """The IoT API lacks something, or refused."""
