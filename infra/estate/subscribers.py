"""E-mail addresses of the people who receive alarms.

They are given to each plan, as ``ALARM_EMAILS`` or ``--alarm-emails``, and never stored with the
code. Terraform keeps them in its state, which is encrypted on AWS.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from contracts.errors import LakecastError
from infra.estate.place import Place

_ADDRESS = re.compile(r"[^\s@,]+@[^\s@,]+\.[^\s@,.]+")


class SubscribersError(LakecastError):
    """An address is invalid, or an environment that requires subscribers has none."""


def read(text: str) -> tuple[str, ...]:
    """Returns the addresses in a text that separates them with commas.

    Raises
    ------
    SubscribersError
        One of them is not an e-mail address.
    """
    addresses = tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    for one in addresses:
        if not _ADDRESS.fullmatch(one):
            raise SubscribersError(
                f"ALARM_EMAILS must be e-mail addresses with commas; got {one!r}"
            )
    return addresses


def terraform_variable(addresses: Sequence[str]) -> str:
    """Returns the value of the variable: the addresses by an id that does not reveal them."""
    ids = {hashlib.sha256(one.lower().encode()).hexdigest()[:12]: one for one in addresses}
    return json.dumps(ids, allow_nan=False)


def check(place: Place, addresses: Sequence[str]) -> None:
    """Checks that an environment has the subscribers that its settings require.

    Raises
    ------
    SubscribersError
        It has none.
    """
    if place.settings.alarms.subscribers_required and _is_unheard(place, addresses):
        environment = place.names.environment
        raise SubscribersError(
            f"nobody would receive the alarms of {environment}: run `make plan ENV={environment} "
            "ALARM_EMAILS=a@example.org,b@example.org`, or list ARNs in [alarms] targets"
        )


def warnings(place: Place, addresses: Sequence[str]) -> list[str]:
    """Returns lines for the report of a plan."""
    if place.endpoint_url is not None or not _is_unheard(place, addresses):
        return []
    return ["", "WARNING  nobody receives the alarms and the budget's notices: give ALARM_EMAILS="]


def _is_unheard(place: Place, addresses: Sequence[str]) -> bool:
    return not addresses and not place.settings.alarms.targets
