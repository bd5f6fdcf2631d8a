"""Tests which certificates of a thing a confirmation deactivates."""

from __future__ import annotations

import json
from typing import Any

import pytest
from certificate_confirmation.handler import Confirmation, UnattachedError


class Iot:
    """AWS IoT with one thing's certificates, one per page: id to status and time of creation."""

    def __init__(self, **certificates: tuple[str, float]) -> None:
        self.status = {one: status for one, (status, _) in certificates.items()}
        self._created = {one: created for one, (_, created) in certificates.items()}
        self.published: list[tuple[str, Any]] = []

    def get_paginator(self, _: str) -> Iot:
        return self

    def paginate(self, **_: str) -> Any:
        return ({"principals": [f"arn:aws:iot:r:1:cert/{one}"]} for one in list(self.status))

    def describe_certificate(self, certificateId: str) -> dict[str, Any]:
        return {
            "certificateDescription": {
                "certificateId": certificateId,
                "status": self.status[certificateId],
                "creationDate": self._created[certificateId],
            }
        }

    def update_certificate(self, certificateId: str, newStatus: str) -> None:
        self.status[certificateId] = newStatus

    def publish(self, topic: str, qos: int, payload: bytes) -> None:
        self.published.append((topic, json.loads(payload)))


def test_former_certificates_are_deactivated_and_the_device_is_notified():
    iot = Iot(first=("ACTIVE", 1), second=("ACTIVE", 2), third=("ACTIVE", 3))

    assert Confirmation(iot, iot).confirm("quay", "third") == ["first", "second"]

    assert iot.status == {"first": "INACTIVE", "second": "INACTIVE", "third": "ACTIVE"}
    answer = {"certificate_id": "third", "switched_off": ["first", "second"]}
    assert iot.published == [("certificates/quay/confirmed", answer)]
    assert Confirmation(iot, iot).confirm("quay", "third") == []


def test_later_certificates_stay_active():
    iot = Iot(first=("ACTIVE", 1), second=("ACTIVE", 2), third=("ACTIVE", 3))

    assert Confirmation(iot, iot).confirm("quay", "second") == ["first"]

    assert iot.status["third"] == "ACTIVE"


def test_revoked_certificates_stay_revoked():
    iot = Iot(stolen=("REVOKED", 1), new=("ACTIVE", 2))

    assert Confirmation(iot, iot).confirm("quay", "new") == []

    assert iot.status["stolen"] == "REVOKED"


@pytest.mark.parametrize("certificate", ["former", "unknown"])
def test_an_unattached_or_inactive_certificate_confirms_nothing(certificate):
    iot = Iot(former=("INACTIVE", 2), current=("ACTIVE", 1))

    with pytest.raises(UnattachedError, match=certificate):
        Confirmation(iot, iot).confirm("quay", certificate)

    assert iot.status["current"] == "ACTIVE"
    assert not iot.published
