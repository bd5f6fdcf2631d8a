"""Requests of AWS IoT to the hook, and the hook's responses.

https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.messages.provisioning import REQUEST_TOKEN, SERIAL_NUMBER, THING_NAME

_SERIAL_NUMBER = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_TOKEN_LENGTH = (32, 128)


class RefusedError(Exception):
    """A device may not be provisioned. The message gives the reason, for the log only.

    The device receives only the refusal.
    """


@dataclass(frozen=True)
class Claim:
    """A request by a device that is not registered yet.

    Parameters
    ----------
    token_digest
        SHA-256 of the device's secret, which identifies it when it repeats the request.
    certificate_id
        Id of the certificate that it requests.
    """

    serial_number: str
    token_digest: str = field(repr=False)
    certificate_id: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Claim:
        """Read the hook's event.

        Raises
        ------
        RefusedError
            The serial number or the token is missing or invalid.
        """
        parameters = event.get("parameters") or {}
        serial_number, token = parameters.get(SERIAL_NUMBER), parameters.get(REQUEST_TOKEN)
        if not isinstance(serial_number, str) or not _SERIAL_NUMBER.fullmatch(serial_number):
            raise RefusedError(
                f"{SERIAL_NUMBER} must be 1 to 128 of a-z A-Z 0-9 : _ -; got {serial_number!r}"
            )
        shortest, longest = _TOKEN_LENGTH
        if not isinstance(token, str) or not shortest <= len(token) <= longest:
            raise RefusedError(
                f"{serial_number}: {REQUEST_TOKEN} must be a text of {shortest} to {longest} "
                "characters"
            )
        digest = hashlib.sha256(token.encode()).hexdigest()
        return cls(serial_number, digest, str(event["certificateId"]))


def template_name(event: Mapping[str, Any]) -> str:
    """Return the name of the event's provisioning template."""
    return str(event["templateArn"]).rpartition("/")[2]


def admitted(thing_name: str) -> dict[str, Any]:
    """Return the response that lets AWS IoT provision a thing of that name."""
    return {"allowProvisioning": True, "parameterOverrides": {THING_NAME: thing_name}}


def refused() -> dict[str, Any]:
    """Return the response for which AWS IoT sends AccessDenied to the device."""
    return {"allowProvisioning": False}
